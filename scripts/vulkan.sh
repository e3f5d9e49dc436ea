#!/bin/sh
# Mesa's software Vulkan driver for the GPU tests, on Linux: installed where it is missing and can be, else named. Never fails:
# without a driver the GPU tests are not run, and say so.
set -eu

[ "$(uname -s)" = Linux ] || exit 0
for icd in /usr/share/vulkan/icd.d/lvp_icd*.json /etc/vulkan/icd.d/lvp_icd*.json; do
    [ ! -f "$icd" ] || exit 0
done
# A user who chose an adapter needs none.
[ "${RUSTGRAD_GPU:-software}" = software ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing mesa-vulkan-drivers, the software GPU of the tests" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -qq -y --no-install-recommends mesa-vulkan-drivers ||
        { apt-get update -qq && apt-get install -qq -y --no-install-recommends mesa-vulkan-drivers; }; } >/dev/null 2>&1 && exit 0
    echo "mesa-vulkan-drivers could not be installed; the GPU tests will not run without a Vulkan driver" >&2
elif command -v apt-get >/dev/null 2>&1; then
    echo "for the GPU tests: sudo apt-get install -y mesa-vulkan-drivers" >&2
else
    echo "for the GPU tests: install Mesa's software Vulkan driver, lavapipe (Fedora: sudo dnf install mesa-vulkan-drivers)" >&2
fi
