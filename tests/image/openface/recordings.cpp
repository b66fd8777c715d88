// In a library of its own, which needs another one: the two are installed in different odd places.

#include "recordings.h"

#include <fstream>
#include <iostream>
#include <sys/stat.h>

#include "text.h"

bool readable(const std::string &path) { return std::ifstream(path).good(); }

void give_out(const std::string &recorded, const std::string &medium, const std::string &out) {
    mkdir(out.c_str(), 0755);
    const std::string file = medium.substr(medium.rfind('/') + 1);
    const std::string stem = file.substr(0, file.rfind('.'));
    std::ofstream(out + "/" + stem + ".csv") << text_of(recorded + "/face.csv");
    std::ofstream(out + "/" + stem + "_of_details.txt") << about(medium, text_of(recorded + "/face_of_details.txt"));
    std::cout << about(medium, text_of(recorded + "/stdout.txt"));
}
