/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over files and directories of files, without a fuzzer: the corpus as a plain
 * test, as TAP. One file at a time is given in a buffer of its exact size, so that a sanitizer sees
 * any step past its end.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        return 1;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (!data || fread(data, 1, size, f) != size) {
        perror(path);
        return 1;
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int run(const char *path, unsigned *files)
{
    char name[1024];
    DIR *d = opendir(path);
    int failed = 0;
    if (!d) {
        (*files)++;
        return run_file(path);
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        failed |= run(name, files);
    }
    closedir(d);
    return failed;
}

int main(int argc, char **argv)
{
    printf("1..%d\n", argc - 1);
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        unsigned files = 0;
        int bad = run(argv[i], &files) || files == 0;
        printf("%sok %d - %u inputs\n", bad ? "not " : "", i, files);
        failed |= bad;
    }
    return failed;
}
