#!/bin/bash
# Installs SSH keys from SSH_PUBLIC_KEY and from root for all accounts.
#
# bootd does this step natively while this file is as shipped.
# Edit it and it is sourced in the step's place; delete it and the step is skipped.
