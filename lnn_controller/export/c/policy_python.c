/*
 * The functions of policy.h for Python: built-in functions that take NumPy's arrays by the buffer protocol, at a third of
 * what ctypes costs a call.
 *
 * What they need of Python is its stable ABI (PEP 384; Py_buffer since 3.11), declared here: a robot with a compiler needs no
 * headers of Python. PyCFunction_NewEx makes functions of the table at the end (lnn_controller.policy.native).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "policy.h"

typedef struct _object PyObject;
typedef ptrdiff_t Py_ssize_t;
typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;

enum { PyBUF_WRITABLE = 0x1, PyBUF_FORMAT = 0x4, PyBUF_ND = 0x8, PyBUF_STRIDES = 0x18, METH_FASTCALL = 0x80 };

extern int PyObject_GetBuffer(PyObject *, Py_buffer *, int);
extern void PyBuffer_Release(Py_buffer *);
extern double PyFloat_AsDouble(PyObject *);
extern PyObject *PyErr_Occurred(void);
extern void PyErr_Clear(void);
extern PyObject *PyLong_FromLong(long);
extern void *PyEval_SaveThread(void);
extern void PyEval_RestoreThread(void *);

enum { MISFIT = -1 }; /* an argument is not of the type or shape that it must be */

/* Look at an array, of `length` floats or more dimensions of bytes where that is 0. */
static int look(PyObject *object, Py_buffer *view, int flags, Py_ssize_t length) {
    if (PyObject_GetBuffer(object, view, flags | PyBUF_FORMAT)) {
        PyErr_Clear();
        return 0;
    }
    if (length ? view->ndim == 1 && view->shape[0] == length && !strcmp(view->format, "f")
               : view->ndim == 3 && view->shape[2] == 3 && !strcmp(view->format, "B")) {
        return 1;
    }
    PyBuffer_Release(view);
    return 0;
}

static int is_frame(const Py_buffer *view) {
    return view->shape[0] == POLICY_HEIGHT && view->shape[1] == POLICY_WIDTH;
}

/* encode(frame, features): 0, or MISFIT */
static PyObject *encode(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    static _Thread_local char scratch[POLICY_SCRATCH] __attribute__((aligned(64)));
    Py_buffer frame, features;
    int done = 0;
    (void)self;
    if (count == 2 && look(given[0], &frame, PyBUF_ND, 0)) {
        if (is_frame(&frame) && look(given[1], &features, PyBUF_ND | PyBUF_WRITABLE, POLICY_FEATURES)) {
            void *thread = PyEval_SaveThread();
            policy_encode(frame.buf, features.buf, scratch);
            PyEval_RestoreThread(thread);
            PyBuffer_Release(&features);
            done = 1;
        }
        PyBuffer_Release(&frame);
    }
    return PyLong_FromLong(done ? 0 : MISFIT);
}

/* step(features, imu, hx, dt_s, made): a reason, or MISFIT; made is the command, the state, the neurons and, where the
 * cell has them, their time constants */
static PyObject *step(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    enum { NEURONS = POLICY_OUTPUTS + POLICY_STATE, TAU = NEURONS + POLICY_UNITS };
    const Py_ssize_t lengths[] = {POLICY_FEATURES, POLICY_IMU, POLICY_STATE};
    Py_buffer in[3], made;
    int held = 0, reason = MISFIT;
    const double dt_s = count == 5 ? PyFloat_AsDouble(given[3]) : -1.0;
    (void)self;
    if (dt_s == -1.0 && PyErr_Occurred()) PyErr_Clear();
    else if (count == 5 && look(given[4], &made, PyBUF_ND | PyBUF_WRITABLE, TAU + POLICY_HAS_TAU * POLICY_UNITS)) {
        /* The IMU comes last: a policy without one does not look at it. */
        const int order[] = {0, 2, 1}, all = POLICY_IMU ? 3 : 2;
        while (held < all && look(given[order[held]], &in[held], PyBUF_ND, lengths[order[held]])) held++;
        if (held == all) {
            float *out = made.buf, *state = out + POLICY_OUTPUTS;
            memcpy(state, in[1].buf, sizeof(float) * POLICY_STATE);
            reason = policy_advance(
                state, in[0].buf, POLICY_IMU ? in[2].buf : NULL, (float)dt_s, out, POLICY_HAS_TAU ? out + TAU : NULL);
            memcpy(out + NEURONS, state, sizeof(float) * POLICY_UNITS);
        }
        while (held) PyBuffer_Release(&in[--held]);
        PyBuffer_Release(&made);
    }
    return PyLong_FromLong(reason);
}

/* fit(picture, frame, room): 0; how many bytes of room it needs, zeros at first, where that is too small; or MISFIT, also
 * where the picture would have to be enlarged. One whose colours run backwards in memory is OpenCV's own. */
static PyObject *fit(PyObject *self, PyObject *const *given, Py_ssize_t count) {
    Py_buffer picture, frame, room;
    long needed = MISFIT;
    (void)self;
    if (count != 3 || !look(given[0], &picture, PyBUF_STRIDES, 0)) return PyLong_FromLong(MISFIT);
    if (look(given[1], &frame, PyBUF_ND | PyBUF_WRITABLE, 0)) {
        const Py_ssize_t height = picture.shape[0], width = picture.shape[1], *strides = picture.strides;
        const int turned = strides[2] == -1, most = 65535;
        if (is_frame(&frame) && height <= most && width <= most && strides[1] == 3 && (turned || strides[2] == 1) &&
            strides[0] >= 3 * width && strides[0] <= INT32_MAX && !PyObject_GetBuffer(given[2], &room, PyBUF_WRITABLE)) {
            const Py_ssize_t wanted = POLICY_FIT_SCRATCH(height, width);
            if (room.len < wanted) {
                needed = (long)wanted;
            } else {
                void *thread = PyEval_SaveThread();
                if (!policy_fit((const uint8_t *)picture.buf - (turned ? 2 : 0), (int)height, (int)width, (int)strides[0],
                                turned ? POLICY_BGR8 : POLICY_RGB8, frame.buf, room.buf)) {
                    needed = 0;
                }
                PyEval_RestoreThread(thread);
            }
            PyBuffer_Release(&room);
        }
        PyErr_Clear();
        PyBuffer_Release(&frame);
    }
    PyBuffer_Release(&picture);
    return PyLong_FromLong(needed);
}

typedef struct {
    const char *name;
    PyObject *(*call)(PyObject *, PyObject *const *, Py_ssize_t);
    int flags;
    const char *doc;
} PyMethodDef;

__attribute__((visibility("default"))) PyMethodDef lnn_functions[] = {
    {"encode", encode, METH_FASTCALL, NULL},
    {"step", step, METH_FASTCALL, NULL},
    {"fit", fit, METH_FASTCALL, NULL},
};
__attribute__((visibility("default"))) const char lnn_compiler[] =
#ifndef __clang__
    "GCC "
#endif
    __VERSION__;
__attribute__((visibility("default"))) const int lnn_has_tau = POLICY_HAS_TAU;
