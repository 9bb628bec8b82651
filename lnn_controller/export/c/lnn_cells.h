/*
 * What the neurons of each kind of cell compute, from the weighted sums of what they read. Time t is network time: seconds by the
 * policy's time scale. Sums run in the order of their sources, each sum for itself: vectors of any width give the same bits.
 */
#ifndef LNN_CELLS_H
#define LNN_CELLS_H

#include "lnn_math.h"

#if defined(__GNUC__)
#define LNN_FUNCTION static __attribute__((unused))
#define LNN_FAR static __attribute__((unused, noinline))
#define LNN_ABS(x) __builtin_fabsf(x)
#else
#define LNN_FUNCTION static
#define LNN_FAR static
#define LNN_ABS(x) ((x) < 0.0f ? -(x) : (x))
#endif

#ifndef LNN_INDEX
#define LNN_INDEX uint8_t /* of a value among those that the neurons read */
#endif

/* Four sums over the synapses of a neuron: one source and a row of four weights each. */
LNN_INLINE void lnn_sum4(
    float z[4], const float bias[4], const float (*weight)[4], const float *v, const LNN_INDEX *source, int count) {
    float z0 = bias[0], z1 = bias[1], z2 = bias[2], z3 = bias[3], x;
    for (int pairs = count >> 1; pairs > 0; pairs--, source += 2, weight += 2) { /* two at a time: a tenth less to do */
        x = v[source[0]];
        z0 += weight[0][0] * x;
        z1 += weight[0][1] * x;
        z2 += weight[0][2] * x;
        z3 += weight[0][3] * x;
        x = v[source[1]];
        z0 += weight[1][0] * x;
        z1 += weight[1][1] * x;
        z2 += weight[1][2] * x;
        z3 += weight[1][3] * x;
    }
    if (count & 1) {
        x = v[source[0]];
        z0 += weight[0][0] * x;
        z1 += weight[0][1] * x;
        z2 += weight[0][2] * x;
        z3 += weight[0][3] * x;
    }
    z[0] = z0, z[1] = z1, z[2] = z2, z[3] = z3;
}

/* The same over values side by side. */
LNN_INLINE void lnn_dense4(float z[4], const float bias[4], const float (*weight)[4], const float *v, int count) {
    float z0 = bias[0], z1 = bias[1], z2 = bias[2], z3 = bias[3];
    for (const float *end = v + count; v < end; v++, weight++) {
        float x = *v;
        z0 += weight[0][0] * x;
        z1 += weight[0][1] * x;
        z2 += weight[0][2] * x;
        z3 += weight[0][3] * x;
    }
    z[0] = z0, z[1] = z1, z[2] = z2, z[3] = z3;
}

/* One sum over the synapses of a neuron. */
LNN_INLINE float lnn_sum1(float bias, const float *weight, const float *v, const LNN_INDEX *source, int count) {
    for (const LNN_INDEX *end = source + count; source < end; source++, weight++) bias += *weight * v[*source];
    return bias;
}

/* How long a closed-form neuron takes, s: its gate stands in for 1 - exp(-t / tau). */
LNN_FUNCTION float lnn_gate_time(float gate_at, float t, float unit_s) {
    float p = lnn_softplus(gate_at);
    return t / (p > 1e-6f ? p : 1e-6f) * unit_s;
}

/* A closed-form neuron (CfC): heads f1 and f2, and the gate's slope a and offset b. tau, s: NULL where nobody asks. */
LNN_FAR float lnn_gated_far(float f1, float f2, float at) {
    float gate = lnn_sigmoid(at);
    f1 = lnn_tanh(f1);
    f2 = lnn_tanh(f2);
    return f1 + gate * (f2 - f1);
}

LNN_FUNCTION float lnn_gated(float f1, float f2, float a, float b, float t, float unit_s, float *tau) {
    float at = a * t + b, gate;
    if (tau) *tau = lnn_gate_time(at, t, unit_s);
    /* One test for all three: what follows has no branch, and loads its constants once. */
    if (!(LNN_ABS(at) + LNN_ABS(f1) + LNN_ABS(f2) < 32.0f)) return lnn_gated_far(f1, f2, at);
    gate = lnn_sigmoid_held(at);
    f1 = lnn_tanh_half_held(f1 + f1);
    f2 = lnn_tanh_half_held(f2 + f2);
    return f1 + gate * (f2 - f1);
}

/* The same without (1 - gate) on f1. */
LNN_FUNCTION float lnn_ungated(float f1, float f2, float a, float b, float t, float unit_s, float *tau) {
    float at = a * t + b;
    if (tau) *tau = lnn_gate_time(at, t, unit_s);
    return lnn_tanh(f1) + lnn_sigmoid(at) * lnn_tanh(f2);
}

/* A CfC neuron in pure form: decays at its own rate |w_tau|, rate_0, and at that of its one head. */
LNN_FUNCTION float lnn_pure(float f1, float amplitude, float rate_0, float t, float unit_s, float *tau) {
    float rate = rate_0 + (f1 < 0.0f ? -f1 : f1);
    if (tau) *tau = 1.0f / rate * unit_s;
    return amplitude * (1.0f - lnn_exp(-t * rate) * f1);
}

/* An LSTM's cell; its forget gate has its + 1 in the bias. c goes from one step to the next. */
LNN_FUNCTION float lnn_lstm(float candidate, float in, float forget, float out, float *c) {
    *c = *c * lnn_sigmoid(forget) + lnn_tanh(candidate) * lnn_sigmoid(in);
    return lnn_tanh(*c) * lnn_sigmoid(out);
}

/* A GRU's unit; candidate_h: what the states give to the candidate. */
LNN_FUNCTION float lnn_gru(float reset, float update, float candidate, float candidate_h, float h) {
    float f = lnn_tanh(candidate + lnn_sigmoid(reset) * candidate_h);
    return f + lnn_sigmoid(update) * (h - f);
}

/* A CT-RNN's neuron: the leak is exact over t; decay = -1 / tau. */
LNN_FUNCTION float lnn_leak(float drive, float decay, float h, float t, float tau_s, float *tau) {
    float f = lnn_tanh(drive);
    if (tau) *tau = tau_s;
    return f + (h - f) * lnn_exp(decay * t);
}

/* A damped oscillator (D-LinOSS), exact over t: returns its drive; x and w go from one step to the next. */
LNN_FUNCTION float lnn_oscillate(
    float z, const float rate[4], float t, float *x, float *w, float tau_s, float *tau) {
    float f = lnn_tanh(z), along, across, decay = lnn_exp(-rate[0] * t);
    float rest_x = rate[2] * f, rest_w = rate[3] * f, from_x = *x - rest_x, from_w = *w - rest_w;
    across = decay * lnn_sine_cosine(rate[1] * t, &along);
    along *= decay;
    *x = rest_x + along * from_x + across * from_w;
    *w = rest_w + along * from_w - across * from_x;
    if (tau) *tau = tau_s;
    return f;
}

/* How far an LTC's synapse is open, 0 ... 1. */
LNN_FUNCTION float lnn_open(float x) {
    return lnn_sigmoid(x);
}

/* Current and conductance of an LTC neuron's synapses: slope, offset, current and conductance each. */
LNN_INLINE void lnn_conduct(
    float *top, float *bottom, const float (*synapse)[4], const float *v, const LNN_INDEX *source, int count) {
    float a = *top, b = *bottom;
    for (const LNN_INDEX *end = source + count; source < end; source++, synapse++) {
        float open = lnn_sigmoid(synapse[0][0] * v[*source] + synapse[0][1]);
        a += synapse[0][2] * open;
        b += synapse[0][3] * open;
    }
    *top = a, *bottom = b;
}

/* What may stand in a CfC's backbone, beside tanh. */
LNN_FUNCTION float lnn_lecun_tanh(float x) {
    return 1.7159f * lnn_tanh(0.666f * x);
}

LNN_FUNCTION float lnn_relu(float x) {
    return x > 0.0f ? x : 0.0f;
}

LNN_FUNCTION float lnn_silu(float x) {
    return x * lnn_sigmoid(x);
}

LNN_FUNCTION float lnn_gelu(float x) {
    return 0.5f * x * (1.0f + lnn_erf(x * 0.707106781f));
}

#endif
