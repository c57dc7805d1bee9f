//go:build whisper && cgo

#include "native.h"

#include <math.h>
#include <pthread.h>

// A frame of 400 samples is seen as a square and transformed by columns and by rows (Cooley
// and Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series", 1965).
enum { side = 20, half = side / 2, frame = side * side, bins = 1 + frame / 2 };

// A vector holds the same number of four frames, which is what every CPU can add at once.
typedef float lanes __attribute__((vector_size(4 * sizeof(float))));
enum { frames = sizeof(lanes) / sizeof(float) };

static float cosine[frame], sine[frame], window[frame]; // Hann's window

static void make_tables(void) {
    for (int i = 0; i < frame; i++) {
        cosine[i] = (float) cos(2 * M_PI * i / frame);
        sine[i] = (float) sin(2 * M_PI * i / frame);
        window[i] = (float) (0.5 - 0.5 * cos(2 * M_PI * i / frame));
    }
}

// parts are sums and differences of what lies as far before as behind the middle of a line:
// one is multiplied by cosines only, the other by sines.
typedef struct {
    lanes even[half + 1], odd[half];
} parts;

static parts fold(const lanes * line, int step) {
    parts p;
    p.even[0] = line[0];
    p.even[half] = line[half * step];
    for (int i = 1; i < half; i++) {
        p.even[i] = line[i * step] + line[(side - i) * step];
        p.odd[i] = line[i * step] - line[(side - i) * step];
    }
    return p;
}

// transform_columns does the first half of the work; the other half of its result is the
// same mirrored, since sound is real.
static void transform_columns(const lanes * in, lanes re[][side], lanes im[][side]) {
    for (int column = 0; column < side; column++) {
        const parts p = fold(in + column, side);
        for (int k = 0; k <= half; k++) {
            lanes r = p.even[0] + p.even[half] * cosine[k % 2 * frame / 2], i = { 0 };
            for (int row = 1; row < half; row++) {
                int turn = row * k % side * side;
                r += p.even[row] * cosine[turn];
                i -= p.odd[row] * sine[turn];
            }
            const float c = cosine[column * k], s = sine[column * k];
            re[k][column] = r * c + i * s;
            im[k][column] = i * c - r * s;
        }
    }
}

static void power_spectrum(const lanes * in, lanes * power) {
    lanes re[half + 1][side], im[half + 1][side];
    transform_columns(in, re, im);
    for (int row = 0; row <= half; row++) {
        const parts a = fold(re[row], 1), b = fold(im[row], 1);
        for (int k = 0; k < side; k++) {
            const float last = cosine[k % 2 * frame / 2];
            lanes r = a.even[0] + a.even[half] * last, i = b.even[0] + b.even[half] * last;
            for (int column = 1; column < half; column++) {
                int turn = column * k % side * side;
                r += a.even[column] * cosine[turn] + b.odd[column] * sine[turn];
                i += b.even[column] * cosine[turn] - a.odd[column] * sine[turn];
            }
            int bin = row + side * k;
            power[bin < bins ? bin : frame - bin] = r * r + i * i;
        }
    }
}

void ts_mel(const float * samples, int columns, int step, const ts_filters * f, float * values, int stride) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
    for (int first = 0; first < columns; first += frames) {
        const int n = columns - first < frames ? columns - first : frames;
        lanes in[frame] = { 0 }, power[bins];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < frame; k++) {
                in[k][i] = window[k] * samples[(first + i) * step + k];
            }
        }
        power_spectrum(in, power);
        for (int band = 0; band < f->bands; band++) {
            lanes sum = { 0 };
            for (int k = f->spans[2 * band]; k < f->spans[2 * band + 1]; k++) {
                sum += power[k] * f->weights[band * bins + k];
            }
            for (int i = 0; i < n; i++) {
                values[band * stride + first + i] = log10f(fmaxf(sum[i], f->faintest));
            }
        }
    }
}
