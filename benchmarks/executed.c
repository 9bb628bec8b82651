/*
 * A QEMU plugin: how often each instruction ran within each of several calls.
 *
 * Arguments: out=FILE, and mark=ADDRESS for the first instruction of each call, in the order of their numbers. FILE
 * gets a line per mark and instruction: "mark address executed jumped", where jumped counts how often the next one to
 * run was not its neighbour. An instruction belongs to the mark that was passed last.
 *
 * Debian ships no header of the plugin interface, so what is used of it stands here (QEMU, include/qemu/qemu-plugin.h,
 * version 1; it is the same in later ones).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*call)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*call)(unsigned, void *), int flags,
                                            void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*call)(uint64_t, void *), void *data);

enum { CODE_BYTES = 1 << 22, MARKS = 8 };

typedef struct {
    uint64_t executed, jumped;
} tally;

static uint64_t marks[MARKS];
static tally tallies[MARKS][CODE_BYTES / 2];
static int marked, current = -1;
static uint64_t neighbour; /* of the instruction before */
static tally *before;
static const char *path = "executed.txt";

static void execute(unsigned cpu, void *data) {
    const uint64_t address = (uintptr_t)data / 8, size = (uintptr_t)data % 8;
    (void)cpu;
    if (before && address != neighbour) {
        before->jumped++;
    }
    for (int i = 0; i < marked; i++) {
        if (marks[i] == address) {
            current = i;
        }
    }
    before = current >= 0 ? &tallies[current][address / 2] : NULL;
    if (before) {
        before->executed++;
    }
    neighbour = address + size;
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        if (address < CODE_BYTES) {
            void *data = (void *)(uintptr_t)(8 * address + qemu_plugin_insn_size(insn));
            qemu_plugin_register_vcpu_insn_exec_cb(insn, execute, 0, data);
        }
    }
}

static void leave(uint64_t id, void *data) {
    FILE *file = fopen(path, "w");
    (void)id;
    (void)data;
    if (!file) {
        perror(path);
        exit(1);
    }
    for (int mark = 0; mark < marked; mark++) {
        for (size_t i = 0; i < CODE_BYTES / 2; i++) {
            const tally *each = &tallies[mark][i];
            if (each->executed) {
                fprintf(file, "%d %zu %llu %llu\n", mark, 2 * i, (unsigned long long)each->executed,
                        (unsigned long long)each->jumped);
            }
        }
    }
    fclose(file);
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            path = strdup(argv[i] + 4);
        } else if (strncmp(argv[i], "mark=", 5) == 0 && marked < MARKS) {
            marks[marked++] = strtoull(argv[i] + 5, NULL, 0);
        } else {
            return 1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, leave, NULL);
    return 0;
}
