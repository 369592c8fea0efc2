#!/bin/sh
# Answers with the time, so that the site is more than files.
printf 'Content-Type: text/plain\r\n\r\nIt is %s.\n' "$(date -u '+%H:%M:%S UTC')"
