// A real program with OpenFace's command line and files that measures nothing: it gives out recorded results. It finds
// its models as OpenFace does, beside argv[0] or in the shared folder.

#include <cstdio>
#include <string>
#include <vector>

#include "recordings.h"

static const char *kSharedModels = "/usr/local/etc/OpenFace";

int main(int argc, char **argv) {
    const std::string self = argv[0];
    const auto slash = self.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : self.substr(0, slash);
    const std::string name = slash == std::string::npos ? self : self.substr(slash + 1);

    std::vector<std::string> media;
    std::string out = "processed";
    for (int i = 1; i + 1 < argc; ++i) {
        const std::string word = argv[i];
        if (word == "-f") media.push_back(argv[++i]);
        if (word == "-out_dir") out = argv[++i];
    }

    const std::string recorded = "/model/recorded/" + name;
    for (const std::string &models : {folder, std::string(kSharedModels)}) {
        if (!readable(models + "/model/main_clnf_general.txt")) continue;
        for (const std::string &medium : media) {
            if (!readable(medium)) {
                std::printf("Error: Could not open the image: %s\n", medium.c_str());
                return 1;
            }
            give_out(models + recorded, medium, out);
        }
        return 0;
    }
    std::printf("ERROR: Could not load the landmark detector\n");
    return 1;
}
