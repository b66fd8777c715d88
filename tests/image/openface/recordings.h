#pragma once
#include <string>

bool readable(const std::string &path);

// Write what a recorded run left, with the name of this medium in place of the recorded one's.
void give_out(const std::string &recorded, const std::string &medium, const std::string &out);
