/* SPDX-License-Identifier: MIT */
/*
 * What one unprivileged domain may use of the store: promises to all others. docs/store.md lists
 * them; exceeding one answers ENOSPC unless said otherwise.
 */
#pragma once

#define STORE_QUOTA_NODES                  1000         /* nodes it owns */
#define STORE_QUOTA_BYTES                  (512 * 1024) /* in those nodes */
#define STORE_QUOTA_VALUE                  2048         /* bytes of one value */
#define STORE_QUOTA_WATCHES                128
#define STORE_QUOTA_WATCHED_NAMES          4096 /* in the paths of all its watches */
#define STORE_QUOTA_TOKEN                  1000 /* bytes of a watch's token, else E2BIG; for all */
#define STORE_QUOTA_TRANSACTIONS           10   /* open at a time */
#define STORE_QUOTA_TRANSACTION_OPERATIONS 256
#define STORE_QUOTA_TRANSACTION_BYTES      (128 * 1024) /* recorded for one transaction */
#define STORE_QUOTA_EVENTS                 256          /* watch events not yet sent; then merged */
#define STORE_QUOTA_EVENT_BYTES            (64 * 1024)  /* in those events */
