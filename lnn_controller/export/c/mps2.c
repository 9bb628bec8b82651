/*
 * Arm's MPS2 boards as QEMU emulates them: mps2-an386 (Cortex-M4F) and mps2-an500 (Cortex-M7).
 *
 * Start-up, output and exit status by semihosting, the cost of a call by a timer of the board. With `-icount shift=10`
 * QEMU lets 1024 ns pass for each instruction, whatever it is, so that the timer's 25 MHz count instructions.
 * For a board of your own: take its vendor's start-up, and print over its UART.
 */
#include "mps2.h"

#define CPACR (*(volatile uint32_t *)0xE000ED88u) /* ARMv7-M, B3.2.20: access to the coprocessors */

typedef struct { /* CMSDK APB timer */
    volatile uint32_t control, value, reload;
} timer;
#define TIMER ((timer *)0x40000000u)

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, STOPPED_RUNTIME_ERROR = 0x20023, STOPPED_EXIT = 0x20026 };
enum { PAINT = 0x5AA5C33C, PAINTED_WORDS = 16384 };

extern uint32_t data_source, data_start, data_end, bss_start, bss_end; /* mps2.ld */

int main(void);

static void semihosting(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void check_write(const char *text) {
    semihosting(SYS_WRITE0, text);
}

static void leave(uint32_t reason, uint32_t status) {
    const uint32_t argument[2] = {reason, status};
    semihosting(SYS_EXIT_EXTENDED, argument);
    for (;;) {
    }
}

static void fault(void) {
    check_write("fault\n");
    leave(STOPPED_RUNTIME_ERROR, 1);
}

void reset(void) {
    CPACR |= 0xFu << 20; /* full access to CP10 and CP11: the FPU */
    __asm__ volatile("dsb\n\tisb");
    for (uint32_t *from = &data_source, *to = &data_start; to < &data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end;) {
        *to++ = 0;
    }
    TIMER->reload = 0xFFFFFFFFu;
    TIMER->value = 0xFFFFFFFFu;
    TIMER->control = 1;
    leave(STOPPED_EXIT, (uint32_t)main());
}

typedef void (*handler)(void);

/* Reset, then the faults; no interrupt is ever enabled. The first word, the stack's top, stands in mps2.ld. */
__attribute__((section(".vectors"), used)) static const handler VECTORS[15] = {
    reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};

#define ALONE __attribute__((noinline, noclone)) /* no code of the caller moves into it */

ALONE static uint32_t ticks_of(void (*call)(void)) {
    const uint32_t before = TIMER->value; /* it counts down */
    call();
    return before - TIMER->value;
}

static void nothing(void) {
}

/* Below the stack pointer nothing lives while this function runs: it calls only what is measured. */
ALONE static uint32_t stack_of(void (*call)(void)) {
    volatile uint32_t *pointer;
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
    for (int i = 1; i <= PAINTED_WORDS; i++) {
        pointer[-i] = PAINT;
    }
    call();
    int deepest = PAINTED_WORDS;
    while (deepest > 0 && pointer[-deepest] == PAINT) {
        deepest--;
    }
    return 4u * (uint32_t)deepest;
}

mps2_cost mps2_measure(void (*call)(void)) {
    const uint32_t ticks = ticks_of(call) - ticks_of(nothing);
    /* 25.6 ticks an instruction, rounded without a product that overflows */
    mps2_cost cost = {ticks / 128 * 5 + (ticks % 128 * 5 + 64) / 128, stack_of(call) - stack_of(nothing)};
    return cost;
}
