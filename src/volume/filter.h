/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the filters share. A filter is a struct volume whose `lower` is the volume it took over:
 * it copies the lower one's geometry and names up, hears of its changes, and passes on what it
 * has no opinion about. Operation tables name the passing functions one by one, so that a
 * reader sees what a filter touches.
 */
#ifndef VOLUME_FILTER_INT_H
#define VOLUME_FILTER_INT_H

#include "volume/volume.h"

void filter_init(struct volume *v, const struct volume_ops *ops, struct volume *lower);

int filter_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out);
int filter_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags);
int filter_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                        unsigned flags);
int filter_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags);
int filter_flush(struct volume *v);
int filter_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                   enum volume_extent *ret_state);
int filter_copy(struct volume *dst, uint64_t dst_off, struct volume *src, uint64_t src_off,
                uint64_t len);
int filter_resize(struct volume *v, uint64_t new_size);
int filter_space(struct volume *v, struct volume_space *ret_space);
int filter_get_attr(struct volume *v, const char *name, char **ret_value);
int filter_set_attr(struct volume *v, const char *name, const char *value);
int filter_list_attr(struct volume *v, const char *prefix, char ***ret_names);
/* Closes the lower volume and frees v, which must be what malloc gave. */
void filter_close(struct volume *v);

#endif
