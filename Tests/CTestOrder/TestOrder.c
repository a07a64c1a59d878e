#include "CTestOrder.h"
#include <stdlib.h>

__attribute__((constructor)) static void run_tests_one_by_one(void) {
    setenv("SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH", "1", 0);
}
