/* SPDX-License-Identifier: MIT */
/*
 * The instructions of the processor that C has no word for, its MSR numbers and control bits
 * (Intel SDM volume 3, chapters 2 and 4; volume 4).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CR0_MP         (1UL << 1)
#define CR0_EM         (1UL << 2)
#define CR0_TS         (1UL << 3)
#define CR0_WP         (1UL << 16)
#define CR0_PG         (1UL << 31)
#define CR4_TSD        (1UL << 2)
#define CR4_DE         (1UL << 3)
#define CR4_PAE        (1UL << 5)
#define CR4_MCE        (1UL << 6)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP       (1UL << 11)
#define CR4_FSGSBASE   (1UL << 16)
#define CR4_OSXSAVE    (1UL << 18)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)

#define RFLAGS_CF    (1UL << 0)
#define RFLAGS_FIXED (1UL << 1)
#define RFLAGS_TF    (1UL << 8)
#define RFLAGS_IF    (1UL << 9)
#define RFLAGS_DF    (1UL << 10)
#define RFLAGS_IOPL  (3UL << 12)
#define RFLAGS_NT    (1UL << 14)
#define RFLAGS_RF    (1UL << 16)
#define RFLAGS_VM    (1UL << 17)
#define RFLAGS_AC    (1UL << 18)
#define RFLAGS_VIF   (1UL << 19)
#define RFLAGS_VIP   (1UL << 20)

#define MSR_APIC_BASE      0x1b
#define MSR_PLATFORM_INFO  0xce
#define MSR_MISC_FEATURES  0x140
#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SYSCALL_MASK   0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_SYSENTER_CS    0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_TSC_DEADLINE   0x6e0

#define EFER_SCE (1UL << 0)
#define EFER_LME (1UL << 8)
#define EFER_LMA (1UL << 10)
#define EFER_NXE (1UL << 11)

static inline uint64_t rdmsr(uint32_t number)
{
    uint32_t low, high;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t number, uint64_t value)
{
    asm volatile("wrmsr"
                 :
                 : "c"(number), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                 : "memory");
}

/* With a fix-up: false (and no effect) when the processor raises #GP. In processor/cpu.c. */
bool rdmsr_safe(uint32_t number, uint64_t *value);
bool wrmsr_safe(uint32_t number, uint64_t value);

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

struct cpuid_result {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result r;
    asm volatile("cpuid"
                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                 : "a"(leaf), "c"(subleaf));
    return r;
}

#define DEFINE_CONTROL_REGISTER(name)                               \
    static inline uint64_t name##_read(void)                        \
    {                                                               \
        uint64_t value;                                             \
        asm volatile("mov %%" #name ", %0" : "=r"(value));          \
        return value;                                               \
    }                                                               \
    static inline void name##_write(uint64_t value)                 \
    {                                                               \
        asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
    }
DEFINE_CONTROL_REGISTER(cr0)
DEFINE_CONTROL_REGISTER(cr2)
DEFINE_CONTROL_REGISTER(cr3)
DEFINE_CONTROL_REGISTER(cr4)

static inline void invlpg(uint64_t address)
{
    asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void interrupts_enable(void)
{
    asm volatile("sti" : : : "memory");
}

/* Those that wait are taken. (The instruction after sti is still covered by it.) */
static inline void interrupts_admit(void)
{
    asm volatile("sti; nop; cli" : : : "memory");
}

static inline void interrupts_disable(void)
{
    asm volatile("cli" : : : "memory");
}

static inline void cpu_relax(void)
{
    asm volatile("pause" : : : "memory");
}

/* Nothing but a reset ends it. */
static inline _Noreturn void cpu_halt(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    asm volatile("inb %w1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %w1" : : "a"(value), "Nd"(port));
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    asm volatile("inw %w1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outw(uint16_t port, uint16_t value)
{
    asm volatile("outw %0, %w1" : : "a"(value), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    asm volatile("inl %w1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outl(uint16_t port, uint32_t value)
{
    asm volatile("outl %0, %w1" : : "a"(value), "Nd"(port));
}

/*
 * Store `wanted` if `seen` stands there. The same as the compiler's atomic builtin, but that one
 * takes a register for the address, and keeps it.
 */
static inline __attribute__((always_inline)) bool exchange_if(uint64_t *place, uint64_t seen,
                                                              uint64_t wanted)
{
    bool done;

    asm volatile("lock cmpxchg %[wanted], %[place]"
                 : "=@ccz"(done), [place] "+m"(*place), "+a"(seen)
                 : [wanted] "r"(wanted)
                 : "memory");
    return __builtin_expect(done, 1);
}

#define READ_ONCE(object)         (*(const volatile typeof(object) *)&(object))
#define WRITE_ONCE(object, value) (*(volatile typeof(object) *)&(object) = (value))

/* What this processor model has; filled once by cpu_detect() on the first processor. */
struct cpu_features {
    bool smep, smap, umip, fsgsbase, xsave, xsaveopt, x2apic, tsc_deadline, invariant_tsc, pcid,
        page_1g, cpuid_faulting, amd;
    uint64_t xcr0_mask;     /* XSAVE components offered to guests        */
    uint32_t xsave_size;    /* bytes of an XSAVE area for xcr0_mask      */
    unsigned physical_bits; /* width of a physical address               */
    uint32_t family_model;  /* CPUID leaf 1 EAX                          */
};
extern struct cpu_features cpu_features;

void xcr0_write(uint64_t value);

/* Fill cpu_features. */
void cpu_detect(void);
/* Set CR0, CR4, EFER and the PAT of the executing processor to the hypervisor's values. */
void cpu_setup_control_registers(void);
