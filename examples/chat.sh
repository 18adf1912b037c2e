#!/usr/bin/env bash
# Asks a running server, streamed; then what the answer's memory holds.   examples/chat.sh [URL] [QUESTION]
set -euo pipefail
url=${1:-http://127.0.0.1:8080}
question=${2:-What is the capital of France?}
quoted=$(printf '%s' "$question" | sed 's/[\\"]/\\&/g')

curl --fail-with-body --silent --show-error --no-buffer "$url/v1/chat/completions" \
  -H "Authorization: Bearer ${CALIDROP_API_KEY:-none}" -H 'Content-Type: application/json' \
  -d '{"messages": [{"role": "user", "content": "'"$quoted"'"}], "temperature": 0, "max_tokens": 200,
       "stream": true, "stream_options": {"include_usage": true}, "calidrop": {"budget": 512}}'
