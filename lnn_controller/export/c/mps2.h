/* What the emulated board gives emulate.c. */
#ifndef MPS2_H
#define MPS2_H

#include <stdint.h>

/* Print on QEMU's standard output. */
void check_write(const char *text);

/* What one call of a function costs, its instructions counted without the call itself. */
typedef struct {
    uint32_t instructions;
    uint32_t stack; /* bytes below the caller's */
} mps2_cost;

mps2_cost mps2_measure(void (*call)(void));

#endif
