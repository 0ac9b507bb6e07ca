#!/bin/bash
# Generates missing SSH host keys in the background.
#
# bootd does this step natively while this file is as shipped.
# Edit it and it is sourced in the step's place; delete it and the step is skipped.
