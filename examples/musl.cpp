// SPDX-License-Identifier: Apache-2.0
// What GCC's libraries want of glibc and musl has not (ROBOT_LINKS=musl), and less than what they bring for an exception that
// nobody catches: 50 kB that spell its name.
#include <cstdlib>

extern "C" {
extern char __libc_single_threaded;
char __libc_single_threaded = 0;  // whether std::shared_ptr may count without atomics: no

/// A faster way to the unwinding tables than the one that all systems have.
int _dl_find_object(void* address, void* result);
int _dl_find_object(void*, void*) { return -1; }
}

namespace __gnu_cxx {
void __verbose_terminate_handler();
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx
