#!/bin/sh
# Tells Imageyard of every push to this repository. Save it as hooks/post-receive of the bare repository on the Git
# server, make it executable, and put the webhook's secret into the file hooks/imageyard-secret beside it (mode 0600).
# Needs Git, curl and openssl. No push is refused because Imageyard does not answer: whoever pushes only reads of it.
url='{{ webhook_url }}'
secret=$(cat "$(dirname "$0")/imageyard-secret") || exit 0

# Text from standard input as JSON has it. Control characters, which no message needs, become spaces.
json() {
  LC_ALL=C tr '\000-\011\013-\037' ' ' | LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' |
    LC_ALL=C awk 'BEGIN { printf "\"" } NR > 1 { printf "%sn", "\\" } { printf "%s", $0 } END { printf "\"" }'
}

# HMAC-SHA256 of the file $1, as RFC 2104 says it. `openssl dgst -hmac` would show the secret to whoever lists processes.
pad() {
  printf %s "$secret" | od -An -v -tu1 | tr -s ' ' '\n' | awk -v mask="$1" '
    function flip(a, b,  sum, bit) {
      for (bit = 1; bit < 256; bit *= 2) { if (a % 2 != b % 2) sum += bit; a = int(a / 2); b = int(b / 2) }
      return sum
    }
    NF { printf "\\%03o", flip($1, mask); count++ }
    END { while (count++ < 64) printf "\\%03o", mask }'
}
sign() {
  { printf "$(pad 92)"; { printf "$(pad 54)"; cat "$1"; } | openssl dgst -sha256 -binary; } |
    openssl dgst -sha256 | sed 's/.*= *//'
}

body=$(mktemp) || exit 0
trap 'rm -f "$body"' EXIT
{
  printf '{"sender": %s, "changes": [' "$(printf %s "${USER:-}" | json)"
  comma=
  while read -r before after ref; do
    commit=$(git rev-parse --quiet --verify "$after^{commit}" 2>/dev/null)
    forced=false message= author=
    if [ -n "$commit" ]; then
      message=$(git log -1 --format=%B "$commit" -- | head -c 9000)
      author=$(git log -1 --format=%an "$commit" --)
      if git cat-file -e "$before^{commit}" 2>/dev/null; then
        git merge-base --is-ancestor "$before" "$commit" || forced=true
      fi
    fi
    printf '%s{"ref": %s, "before": "%s", "after": "%s", "commit": "%s", "forced": %s, "message": %s, "author": %s}' \
      "$comma" "$(printf %s "$ref" | json)" "$before" "$after" "$commit" "$forced" \
      "$(printf %s "$message" | json)" "$(printf %s "$author" | json)"
    comma=', '
  done
  printf ']}'
} >"$body"

if answer=$(curl --silent --show-error --max-time 10 --data-binary "@$body" --header 'Content-Type: application/json' \
  --header 'X-Imageyard-Event: push' --header "X-Imageyard-Signature-256: sha256=$(sign "$body")" "$url" 2>&1); then
  printf 'Imageyard: %s\n' "$answer"
else
  printf 'Imageyard was not told of this push: %s\n' "$answer"
fi
