#include "text.h"

#include <fstream>
#include <regex>
#include <sstream>

std::string text_of(const std::string &path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

std::string about(const std::string &medium, const std::string &text) {
    return std::regex_replace(text, std::regex("/media/[^ \n]*"), medium);
}
