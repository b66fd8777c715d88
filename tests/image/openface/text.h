#pragma once
#include <string>

std::string text_of(const std::string &path);

// The text with this path in place of each that begins with "/media/".
std::string about(const std::string &medium, const std::string &text);
