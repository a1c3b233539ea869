// SPDX-License-Identifier: BSD-2-Clause
// Preloaded into zdb and orc. At the end of a process OpenZFS's zio_fini (module/zfs/zio.c) compares each of 32,768 buffer
// caches with all that follow it: about 0.8 s in which nothing is judged. The process is about to end anyway.
void zio_fini(void);
void zio_fini(void) {}
