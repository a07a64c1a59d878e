//  One test after the other, also where `swift test` is called without `--no-parallel`: hundreds that start at once on
//  two cores let each other's sockets time out, and some fill the disk or break the files of their own process.
//
//  Nothing is to be called. Being part of the tests sets, before they begin, the variable that Swift Testing asks for how
//  many tests may run at once, unless somebody has set it.
#pragma once
