#!/usr/bin/env bash
# Installs what the tests need beside Python: Chromium, fonts for Thai and Chinese, PostgreSQL. Does nothing when all is there.
set -euo pipefail

have_postgres() { command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb >/dev/null 2>&1; }
have_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || [ -d "/Applications/Chromium.app" ] || [ -d "/Applications/Google Chrome.app" ]; }
have_fonts() { [ "$(uname)" = Darwin ] || { command -v fc-list >/dev/null && [ -n "$(fc-list :lang=th)" ] && [ -n "$(fc-list :lang=zh)" ]; }; }

if [ "$(uname)" = Darwin ]; then
  have_postgres || brew install postgresql@16
  have_chromium || brew install --cask chromium
  exit 0
fi

packages=()
have_chromium || packages+=(chromium)
have_fonts || packages+=(fontconfig fonts-noto-cjk fonts-thai-tlwg)
have_postgres || packages+=(postgresql)
[ ${#packages[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "The tests need: ${packages[*]}. Please install them with your package manager." >&2
  exit 1
fi
sudo=(); [ "$(id -u)" -eq 0 ] || sudo=(sudo)
echo "Installing for the tests: ${packages[*]} …"
# Only the programs are wanted: no cluster of the package's own is made or started.
if [[ " ${packages[*]} " == *" postgresql "* ]]; then
  "${sudo[@]}" mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
