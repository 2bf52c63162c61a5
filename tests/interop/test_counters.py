# SPDX-License-Identifier: MIT
"""The hypervisor counts what each domain calls, and the shell shows it; Xen as Debian builds it
does not count, and the shell says so."""

import re


def test_hypercalls(boot_control):
    control = boot_control()

    def calls(domain):
        lines = re.findall(r"^(\w+) +(\d+)$", control.command(f"hypercalls {domain}"), re.MULTILINE)
        return {name: int(count) for name, count in lines}

    if not control.powers_off:
        assert "not available" in control.command("hypercalls demo")
        return
    demo, domain0 = calls("demo"), calls("Domain-0")
    assert demo["sched_op"] > 0 and "domctl" not in demo
    assert domain0["domctl"] > 0 and domain0["sysctl"] > 0
    assert calls("Domain-0")["sysctl"] > domain0["sysctl"]
    assert "invalid domain identifier" in control.command("hypercalls nobody")
