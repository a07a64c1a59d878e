//  What Linux offers and `import Glibc` lacks.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
