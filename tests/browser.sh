#!/bin/sh
# Browser tests drive Chromium. Where it is missing and this is a Debian with the rights to install it, install it.
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 && exit 0
fi
echo "Chromium is not here and could not be installed: the browser tests will be skipped (apt-get install chromium)."
