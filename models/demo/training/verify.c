// Transcribes wav files (16 kHz, mono, 16 bit) with whisper.cpp, greedily and without text carried from one
// window to the next, and prints one JSON line per file. score.py runs it and compares its lines with the texts.
//
//     verify [--backends DIR] [--threads N] [--window SECONDS] MODEL FILE...
//
// With --window a recording is cut in its quietest moments into windows no longer than that, each decoded on
// its own, as the project's worker does. Without it whisper.cpp moves its own window of 30 s.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml-backend.h"
#include "whisper.h"

#define RATE 16000
#define HOP (RATE / 100)   // step of the search for a cut: 10 ms
#define QUIET (RATE * 3 / 10) // a cut goes through the middle of the quietest 0.3 s

struct options {
    const char *backends; // where ggml's backends are; NULL: the installed place
    int threads;
    double window; // seconds; 0: whisper.cpp's own windows
};

static void log_warnings(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level >= GGML_LOG_LEVEL_WARN && level <= GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static void die(const char *what, const char *name) {
    fprintf(stderr, "verify: %s: %s\n", what, name);
    exit(1);
}

static unsigned le(const unsigned char *p, int bytes) {
    unsigned v = 0;
    while (bytes-- > 0) v = v << 8 | p[bytes];
    return v;
}

// Returns the samples of a wav file, which the caller frees.
static float *read_wav(const char *path, int *n) {
    unsigned char head[12], fmt[16];
    FILE *f = fopen(path, "rb");
    if (!f) die("cannot open", path);
    if (fread(head, 1, 12, f) != 12 || memcmp(head, "RIFF", 4) || memcmp(head + 8, "WAVE", 4)) die("not a wav file", path);
    memset(fmt, 0, sizeof fmt);
    while (fread(head, 1, 8, f) == 8 && memcmp(head, "data", 4)) {
        long rest = le(head + 4, 4), used = 0;
        if (!memcmp(head, "fmt ", 4)) used = fread(fmt, 1, sizeof fmt, f);
        if (fseek(f, rest - used + (rest & 1), SEEK_CUR)) die("cannot read", path);
    }
    if (le(fmt, 2) != 1 || le(fmt + 2, 2) != 1 || le(fmt + 4, 4) != RATE || le(fmt + 14, 2) != 16)
        die("not 16 kHz mono 16 bit", path);
    *n = le(head + 4, 4) / 2;
    short *pcm = malloc(*n * sizeof *pcm + 1);
    float *x = malloc(*n * sizeof *x + 1);
    if (!pcm || !x) die("out of memory", path);
    *n = fread(pcm, sizeof *pcm, *n, f);
    for (int i = 0; i < *n; i++) x[i] = pcm[i] / 32768.0f;
    free(pcm);
    fclose(f);
    return x;
}

// Returns where the window that starts at the given sample ends.
static int window_end(const float *x, int n, int start, double seconds) {
    int longest = seconds * RATE, cut = 0;
    double least = 0;
    if (seconds <= 0 || n - start <= longest) return n;
    for (int i = start + longest / 3; i + QUIET <= start + longest; i += HOP) {
        double energy = 0;
        for (int j = i; j < i + QUIET; j++) energy += x[j] * x[j];
        if (!cut || energy < least) least = energy, cut = i + QUIET / 2;
    }
    return cut;
}

static void print_string(const char *s) {
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') putchar('\\');
        putchar(*s);
    }
    putchar('"');
}

// Decodes the samples of one window and prints its segments, shifted to where the window begins.
static void decode(struct whisper_context *ctx, const struct options *o, const float *x, int n, double offset, int *printed) {
    struct whisper_full_params p = whisper_full_default_params(WHISPER_SAMPLING_GREEDY);
    p.n_threads = o->threads;
    p.language = "en";
    p.no_context = true;
    p.print_progress = false;
    if (whisper_full(ctx, p, x, n)) die("cannot decode", "window");
    for (int i = 0; i < whisper_full_n_segments(ctx); i++) {
        printf("%s{\"t0\":%.2f,\"t1\":%.2f,\"text\":", (*printed)++ ? "," : "",
               offset + whisper_full_get_segment_t0(ctx, i) / 100.0, offset + whisper_full_get_segment_t1(ctx, i) / 100.0);
        print_string(whisper_full_get_segment_text(ctx, i));
        printf("}");
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void transcribe(struct whisper_context *ctx, const struct options *o, const char *path) {
    int n, windows = 0, printed = 0;
    float *x = read_wav(path, &n);
    double began = now();
    printf("{\"file\":");
    print_string(path);
    printf(",\"segments\":[");
    for (int start = 0, end; start < n; start = end, windows++) {
        end = window_end(x, n, start, o->window);
        decode(ctx, o, x + start, end - start, (double)start / RATE, &printed);
    }
    printf("],\"audio\":%.3f,\"wall\":%.3f,\"windows\":%d}\n", (double)n / RATE, now() - began, windows);
    fflush(stdout);
    free(x);
}

int main(int argc, char **argv) {
    struct options o = {NULL, 1, 0};
    int i = 1;
    for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
        if (!strcmp(argv[i], "--backends")) o.backends = argv[i + 1];
        else if (!strcmp(argv[i], "--threads")) o.threads = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--window")) o.window = atof(argv[i + 1]);
        else die("unknown option", argv[i]);
    }
    if (argc - i < 2 || o.threads < 1) die("usage", "verify [--backends DIR] [--threads N] [--window SECONDS] MODEL FILE...");
    whisper_log_set(log_warnings, NULL);
    ggml_log_set(log_warnings, NULL);
    if (o.backends) ggml_backend_load_all_from_path(o.backends);
    else ggml_backend_load_all();
    if (!ggml_backend_dev_count()) die("ggml found no backend", o.backends ? o.backends : "in the installed place");
    struct whisper_context *ctx = whisper_init_from_file_with_params(argv[i], whisper_context_default_params());
    if (!ctx) die("cannot load", argv[i]);
    for (i++; i < argc; i++) transcribe(ctx, &o, argv[i]);
    whisper_free(ctx);
    return 0;
}
