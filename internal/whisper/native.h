#ifndef TURBOSCRIBE_NATIVE_H
#define TURBOSCRIBE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <whisper.h>

// ts_log_to sends the library's messages to a file descriptor, each line marked
// with its level. -1 throws them away.
void ts_log_to(int fd);

// ts_log_stop does the same as ts_log_to(-1) if fd is the present one. After it
// returns, nothing is written to fd any more.
void ts_log_stop(int fd);

// ts_version returns the version of the library.
const char * ts_version(void);

// ts_load_backends loads ggml's backends from a directory, or from where ggml
// looks by itself when it is empty, unless that has been done. It returns the
// number of devices there are.
int ts_load_backends(const char * dir);

// ts_gpus returns the number of GPUs among the devices.
int ts_gpus(void);

// ts_gpu is what its driver says of a GPU; the name lives as long as the process.
typedef struct {
    const char * name;
    size_t       free, total; // bytes; 0: not known
} ts_gpu;

// ts_gpu_at returns the GPU of a number from 0 to below ts_gpus().
ts_gpu ts_gpu_at(int number);

// ts_trim gives freed memory back to the system. Each thread of a decode has its
// own heap, which would keep what a model has left.
void ts_trim(void);

// ts_filters sum up frequencies to bands.
typedef struct {
    int             bands;
    const float *   weights;  // of all 201 frequencies in the first band, then those in the next
    const int32_t * spans;    // of each band the first frequency that counts, and the one behind the last
    float           faintest; // power; what is fainter counts as this
} ts_filters;

// ts_mel writes the logarithm of the power in each band of columns frames of 400 samples,
// which begin step samples after each other: all columns of the first band, stride values
// further those of the next.
void ts_mel(const float * samples, int columns, int step, const ts_filters * f, float * values, int stride);

// ts_slot is a whisper state together with the wish to stop it.
typedef struct ts_slot ts_slot;

// ts_slot_new returns NULL when there is no memory for the state. The slot never decodes
// the tokens, n of text, that nobody speaks.
ts_slot * ts_slot_new(struct whisper_context * ctx, const whisper_token * unspoken, int n);
void      ts_slot_free(ts_slot * slot);

// ts_slot_stop asks the decode in progress to end (stop = true), or takes that
// back. Any thread may call it.
void ts_slot_stop(ts_slot * slot, bool stop);

struct whisper_state * ts_slot_state(ts_slot * slot);

// TS_WARP_SILENCE is how many samples of silence are added to what time is warped in.
#define TS_WARP_SILENCE (WHISPER_SAMPLE_RATE / 2)

// ts_load loads a model from a file that Go reads; NULL if that fails.
struct whisper_context * ts_load(uintptr_t file, struct whisper_context_params params);

// ts_file_read, in Go, reads the file of a model: as much as asked for, unless it ends.
extern size_t ts_file_read(void * file, void * into, size_t n);

// ts_file_ended, in Go, tells whether more was asked of the file than there was.
extern bool ts_file_ended(void * file);

// ts_file_close, in Go, does nothing: who opened the file closes it.
extern void ts_file_close(void * file);

// ts_pack packs n rows of weights, f16 or f32, into q8_0 and returns how many bytes
// those are. single has room for as many floats.
size_t ts_pack(const void * rows, bool halves, int64_t n, int64_t width, float * single, void * into);

// ts_decode decodes the spectrogram that the slot has, of n samples, and returns whisper's error code, 0 for none. All
// callbacks in params are replaced. The prompt may be NULL. Where the context warps
// time, TS_WARP_SILENCE of the samples are silence that was added.
int ts_decode(struct whisper_context * ctx, ts_slot * slot, const struct whisper_full_params * params,
              const char * prompt, int n, bool warps);

// ts_prune sets those of n logits to -INFINITY whose tokens are e^20 times less likely than
// the best one: which is best stays, and no probability changes by more than 0.02 %.
void ts_prune(float * logits, int n);

// ts_loops, in Go, tells whether the text among tokens, which are ids below eot, loops.
extern bool ts_loops(whisper_token_data * tokens, int n, whisper_token eot);

// ts_token is a token of a result; its text lives as long as the context.
typedef struct {
    whisper_token id;
    const char *  text;
    int64_t       dtw; // when it begins by dynamic time warping, in centiseconds; -1: not known
    float         p, plog;
} ts_token;

ts_token ts_token_at(struct whisper_context * ctx, ts_slot * slot, int segment, int token);

#endif
