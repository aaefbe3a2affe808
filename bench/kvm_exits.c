/*
 * The least that an exit of KVM costs: a guest of two instructions, and a loop
 * around one ioctl.  Prints the processor time of one exit in nanoseconds.
 *
 *     kvm_exits EXITS
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define MEMORY_BYTES 0x10000
#define CODE 0x1000
#define TABLES 0x2000

static const uint8_t code[] = {0xef, 0xeb, 0xfd}; /* 1: out dx, eax; jmp 1b */

static int check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static void *map(size_t size, int flags, int fd)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

static void set_memory(int vm)
{
    uint8_t *memory = map(MEMORY_BYTES, MAP_SHARED | MAP_ANONYMOUS, -1);
    const struct kvm_userspace_memory_region region = {
        .memory_size = MEMORY_BYTES,
        .userspace_addr = (uintptr_t)memory,
    };
    const uint64_t entries[] = {TABLES + 0x1063, TABLES + 0x2063, 0xe3};

    memcpy(memory + CODE, code, sizeof code);
    for (int level = 0; level < 3; level++)
        memcpy(memory + TABLES + 0x1000 * level, &entries[level], sizeof entries[level]);
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

static void set_registers(int vcpu)
{
    struct kvm_sregs sregs;
    const struct kvm_regs regs = {.rip = CODE, .rdx = 0x501, .rflags = 2};
    struct kvm_segment segment = {
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};

    check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = segment;
    segment.l = 0;
    segment.db = 1;
    segment.type = 3;
    segment.selector = 16;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment;
    sregs.cr3 = TABLES;
    sregs.cr4 = 0x620;
    sregs.cr0 = 0x80010021;
    sregs.efer = 0x500;
    check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const long exits = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    int kvm, vm, vcpu, run_bytes;
    struct kvm_run *run;
    double started;

    if (exits <= 0) {
        fprintf(stderr, "usage: kvm_exits EXITS\n");
        return 2;
    }
    kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    run_bytes = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    run = map(run_bytes, MAP_SHARED, vcpu);
    set_memory(vm);
    set_registers(vcpu);
    run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS;
    started = seconds();
    for (long done = 0; done < exits; done++) {
        check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
        if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0x501) {
            fprintf(stderr, "exit %u\n", run->exit_reason);
            return 1;
        }
    }
    printf("%.1f\n", (seconds() - started) / exits * 1e9);
    return 0;
}
