#!/bin/sh
# Makes the pages of the site: make-pages.sh SOURCE TARGET. Every text in content/ becomes a section of the page.
set -eu
source=$1 target=$2
mkdir -p "$target/cgi-bin"

echo "Files in the build context:"
(cd "$source" && find . -type f | sort) | tee "$target/files.txt"

{
  printf '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Hello</title>\n'
  for text in "$source"/content/*.txt; do
    name=$(basename "$text" .txt)
    echo "Making the section $name ($(wc -l < "$text") lines)" >&2
    printf '<h2>%s</h2>\n<pre>\n' "$name"
    sed 's/&/\&amp;/g; s/</\&lt;/g' "$text"
    printf '</pre>\n'
  done
  printf '</html>\n'
} > "$target/index.html"

cp "$source/now.cgi" "$target/cgi-bin/now"
chmod 755 "$target/cgi-bin/now"
echo "Made index.html: $(wc -c < "$target/index.html") bytes"
