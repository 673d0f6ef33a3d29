# What `acequia worker` runs for each job: `sh worker.sh BOOK NAME`, the payload on standard input.
# As worker.py: first a line in the book, then the work, then the answer.
book=$1 name=$2
read -r nonce ms failures padding
echo "$nonce $ACEQUIA_JOB $ACEQUIA_ATTEMPT $name $(date +%s%N)" >> "$book"
[ "$ms" = 0 ] || sleep "$(printf 0.%03d "$ms")"
if [ "$ACEQUIA_ATTEMPT" -le "$failures" ]; then exit 7; fi
printf 'answer to %s' "$nonce"
