#include "CCurl.h"
#include <dlfcn.h>
#include <stddef.h>

struct ccurl_functions ccurl_library;

// POSIX lets dlsym() answer for functions too (dlsym(3), "Notes").
#define FUNCTION(name) {"curl_" #name, offsetof(struct ccurl_functions, name)}
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(global_init),   FUNCTION(easy_init),       FUNCTION(easy_setopt),      FUNCTION(easy_getinfo),
    FUNCTION(easy_reset),    FUNCTION(easy_cleanup),    FUNCTION(easy_strerror),    FUNCTION(slist_append),
    FUNCTION(slist_free_all), FUNCTION(multi_init),     FUNCTION(multi_setopt),     FUNCTION(multi_add_handle),
    FUNCTION(multi_remove_handle), FUNCTION(multi_perform), FUNCTION(multi_poll),   FUNCTION(multi_wakeup),
    FUNCTION(multi_info_read), FUNCTION(multi_cleanup), FUNCTION(multi_strerror),
};

const char *ccurl_load(void) {
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return dlerror();
    for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++) {
        void *function = dlsym(library, functions[index].name);
        if (function == NULL) return dlerror();
        *(void **)((char *)&ccurl_library + functions[index].offset) = function;
    }
    return NULL;
}
