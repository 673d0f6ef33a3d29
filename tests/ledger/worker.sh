# What `acequia worker` runs for each job: `sh worker.sh BOOK NAME`, the payload on standard input.
# As worker.py: a line in the book, the work, another line, the answer.
book=$1 name=$2
read -r nonce ms failures padding
echo "$nonce $ACEQUIA_JOB $ACEQUIA_ATTEMPT $name $(date +%s%N)" >> "$book"
[ "$ms" = 0 ] || sleep "$(printf %d.%03d "$((ms / 1000))" "$((ms % 1000))")"
echo "$nonce $ACEQUIA_JOB $ACEQUIA_ATTEMPT $name $(date +%s%N) end" >> "$book"
if [ "$ACEQUIA_ATTEMPT" -le "$failures" ]; then exit 7; fi
printf 'answer to %s' "$nonce"
