#!/usr/bin/env bash
# The validator of RO-Crates and the JSON-LD context it needs, as install.sh has put them: rocrate.sh up | down
#
# `up` starts nothing and prints `NAME=value` lines:
#   HEDDLE_TEST_ROCRATE_PYTHON    a Python that has rocrate-validator
#   HEDDLE_TEST_ROCRATE_CONTEXT   the context of RO-Crate 1.1
. "$(dirname "$0")/lib.sh"
home=/opt/heddle-components/rocrate

[ "${1:-up}" = up ] || exit 0
[ -e "$home/installed" ] || unavailable 'no rocrate-validator on this machine (test/real/components/install.sh installs it)'
echo "HEDDLE_TEST_ROCRATE_PYTHON=$home/bin/python"
echo "HEDDLE_TEST_ROCRATE_CONTEXT=$home/context/rocrate/data/ro-crate.jsonld"
