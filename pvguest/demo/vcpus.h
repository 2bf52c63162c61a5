/* SPDX-License-Identifier: MIT */
/*
 * The demo guest's virtual CPUs: commands that show them and keep them busy. Which are up is the
 * control domain's to say (`vcpu-set`). Threads of the first virtual CPU.
 */
#pragma once

void demo_vcpus_show(unsigned int count, char **words);
void demo_spin(unsigned int count, char **words);
