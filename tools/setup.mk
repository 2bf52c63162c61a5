# SPDX-License-Identifier: MIT
# The Debian packages that the build and the tests need: see docs/dependencies.md.

.PHONY: setup
setup: ## install what is missing from Debian's packages
	@tools/setup
