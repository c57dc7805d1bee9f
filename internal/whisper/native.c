//go:build whisper && cgo

#include "native.h"

#include <ggml-backend.h>
#include <ggml.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

struct ts_slot {
    struct whisper_state * state;
    atomic_bool stop;
    bool warps; // time, in the decode in progress
    int seen;   // per cent of the samples
    int enough; // from here on all is silence that was added
    int n_unspoken;
    whisper_token unspoken[];
};

// decoding is the slot that this thread decodes with, NULL for none.
static _Thread_local ts_slot * decoding = NULL;

static bool stopped(void * slot) { return atomic_load(&((ts_slot *) slot)->stop); }

static bool finished(const ts_slot * slot) { return slot->seen >= slot->enough; }

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

// log_line runs in whatever thread the library logs from, possibly with its locks
// held: it must not go back into Go, so it writes to a pipe that Go reads. A line
// that cannot be written is lost. That a decode ends early is no error when it was asked
// to, or is finished.
static void log_line(enum ggml_log_level level, const char * text, void * unused) {
    (void) unused;
    if (level == GGML_LOG_LEVEL_ERROR && decoding && (stopped(decoding) || finished(decoding))) {
        level = GGML_LOG_LEVEL_DEBUG;
    }
    char line[1024];
    int n = level == GGML_LOG_LEVEL_CONT ? snprintf(line, sizeof line, "%s", text)
                                         : snprintf(line, sizeof line, "\001%d%s", (int) level, text);
    if (n < 0) {
        return;
    }
    if (n >= (int) sizeof line) {
        n = sizeof line - 1;
        line[n - 1] = '\n';
    }
    pthread_mutex_lock(&log_lock);
    if (log_fd >= 0 && write(log_fd, line, (size_t) n) < 0) {
        log_fd = -1;
    }
    pthread_mutex_unlock(&log_lock);
}

void ts_log_to(int fd) {
    pthread_mutex_lock(&log_lock);
    log_fd = fd;
    pthread_mutex_unlock(&log_lock);
    whisper_log_set(log_line, NULL);
    ggml_log_set(log_line, NULL);
}

void ts_log_stop(int fd) {
    pthread_mutex_lock(&log_lock);
    if (log_fd == fd) {
        log_fd = -1;
    }
    pthread_mutex_unlock(&log_lock);
}

const char * ts_version(void) { return whisper_version(); }

int ts_load_backends(const char * dir) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool loaded = false;
    pthread_mutex_lock(&lock);
    if (!loaded) {
        if (*dir) {
            ggml_backend_load_all_from_path(dir);
        } else {
            ggml_backend_load_all();
        }
        loaded = ggml_backend_dev_count() > 0;
    }
    pthread_mutex_unlock(&lock);
    return (int) ggml_backend_dev_count();
}

// gpu_at returns the GPU of that number, counted as whisper.cpp does, and in n how many
// there are up to it; NULL when there are no more.
static ggml_backend_dev_t gpu_at(int number, int * n) {
    *n = 0;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        enum ggml_backend_dev_type type = ggml_backend_dev_type(device);
        if (type != GGML_BACKEND_DEVICE_TYPE_GPU && type != GGML_BACKEND_DEVICE_TYPE_IGPU) {
            continue;
        }
        if ((*n)++ == number) {
            return device;
        }
    }
    return NULL;
}

int ts_gpus(void) {
    int n = 0;
    gpu_at(-1, &n);
    return n;
}

ts_gpu ts_gpu_at(int number) {
    ts_gpu gpu = { .name = "" };
    int n = 0;
    ggml_backend_dev_t device = gpu_at(number, &n);
    if (device) {
        gpu.name = ggml_backend_dev_description(device);
        ggml_backend_dev_memory(device, &gpu.free, &gpu.total);
    }
    return gpu;
}

void ts_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

struct whisper_context * ts_load(uintptr_t file, struct whisper_context_params params) {
    struct whisper_model_loader loader = {
        .context = (void *) file, .read = ts_file_read, .eof = ts_file_ended, .close = ts_file_close,
    };
    return whisper_init_with_params_no_state(&loader, params);
}

size_t ts_pack(const void * rows, bool halves, int64_t n, int64_t width, float * single, void * into) {
    if (halves) {
        ggml_fp16_to_fp32_row(rows, single, n * width);
        rows = single;
    }
    return ggml_quantize_chunk(GGML_TYPE_Q8_0, rows, into, 0, n, width, NULL);
}

ts_slot * ts_slot_new(struct whisper_context * ctx, const whisper_token * unspoken, int n) {
    ts_slot * slot = calloc(1, sizeof *slot + n * sizeof *unspoken);
    if (!slot) {
        return NULL;
    }
    slot->n_unspoken = n;
    memcpy(slot->unspoken, unspoken, n * sizeof *unspoken);
    slot->state = whisper_init_state(ctx);
    if (!slot->state) {
        free(slot);
        return NULL;
    }
    atomic_init(&slot->stop, false);
    return slot;
}

void ts_slot_free(ts_slot * slot) {
    whisper_free_state(slot->state);
    free(slot);
}

void ts_slot_stop(ts_slot * slot, bool stop) { atomic_store(&slot->stop, stop); }

struct whisper_state * ts_slot_state(ts_slot * slot) { return slot->state; }

static void note_progress(struct whisper_context * ctx, struct whisper_state * state, int percent, void * slot) {
    (void) ctx;
    (void) state;
    ((ts_slot *) slot)->seen = percent;
}

static bool may_encode(struct whisper_context * ctx, struct whisper_state * state, void * slot) {
    (void) ctx;
    (void) state;
    return !stopped(slot) && !finished(slot);
}

// ts_negligible is how far a logit may be below the best before the token counts for
// nothing: all tokens of a vocabulary that are, together, for one in ten thousand.
static const float ts_negligible = 20;

void ts_prune(float * logits, int n) {
    float best[8];
    for (int i = 0; i < 8; i++) {
        best[i] = -INFINITY;
    }
    int whole = n - n % 8;
    for (int i = 0; i < whole; i += 8) {
        for (int j = 0; j < 8; j++) {
            best[j] = best[j] > logits[i + j] ? best[j] : logits[i + j];
        }
    }
    for (int i = whole; i < n; i++) {
        best[0] = best[0] > logits[i] ? best[0] : logits[i];
    }
    for (int j = 1; j < 8; j++) {
        best[0] = best[0] > best[j] ? best[0] : best[j];
    }
    const float least = best[0] - ts_negligible;
    for (int i = 0; i < n; i++) {
        logits[i] = logits[i] < least ? -INFINITY : logits[i];
    }
}

// choose has the last word on what the next token may be. A text that loops ends: the model
// would go on to the end of its context. Where time is warped none may end before its eighth
// position of 20 ms, since to warp fewer ends the process. What is left of the text is pruned:
// the library takes an exponential of every token that is not -INFINITY, twice.
static void choose(struct whisper_context * ctx, struct whisper_state * state, const whisper_token_data * tokens, int n,
                   float * logits, void * user_data) {
    (void) state;
    const ts_slot * slot = user_data;
    const whisper_token eot = whisper_token_eot(ctx);
    if (ts_loops((whisper_token_data *) tokens, n, eot)) {
        for (int i = 0; i < whisper_n_vocab(ctx); i++) {
            if (i != eot) {
                logits[i] = -INFINITY;
            }
        }
    }
    for (int i = 1; slot->warps && i < 8; i++) {
        logits[whisper_token_beg(ctx) + i] = -INFINITY;
    }
    for (int i = 0; i < slot->n_unspoken; i++) {
        logits[slot->unspoken[i]] = -INFINITY;
    }
    ts_prune(logits, eot);
}

int ts_decode(struct whisper_context * ctx, ts_slot * slot, const struct whisper_full_params * params,
              const char * prompt, int n, bool warps) {
    struct whisper_full_params p = *params;
    p.initial_prompt = prompt;
    p.suppress_nst = false; // the library looks them up by name before each token
    p.new_segment_callback = NULL;
    p.new_segment_callback_user_data = NULL;
    p.progress_callback = note_progress;
    p.progress_callback_user_data = slot;
    p.encoder_begin_callback = may_encode;
    p.encoder_begin_callback_user_data = slot;
    p.abort_callback = stopped;
    p.abort_callback_user_data = slot;
    p.logits_filter_callback = choose;
    p.logits_filter_callback_user_data = slot;
    slot->warps = warps;
    slot->seen = 0;
    slot->enough = 101;
    if (warps) {
        // Nor may one begin so late. The library tells how far it is in whole per cent,
        // rounded down: of 30 s, 0.3 s.
        slot->enough = (int) ((100 * (int64_t) (n - TS_WARP_SILENCE) + n - 1) / n);
    }
    decoding = slot;
    int code = whisper_full_with_state(ctx, slot->state, p, NULL, 0);
    decoding = NULL;
    return code;
}

ts_token ts_token_at(struct whisper_context * ctx, ts_slot * slot, int segment, int token) {
    whisper_token_data d = whisper_full_get_token_data_from_state(slot->state, segment, token);
    return (ts_token) {
        .id = d.id,
        .text = whisper_token_to_str(ctx, d.id),
        .dtw = d.t_dtw,
        .p = d.p,
        .plog = d.plog,
    };
}
