#!/bin/sh
# Renew book/_static/vendor: what the pages load besides the theme, so that the book works with the network off.
#   MathJax 3 (Apache-2.0), from npm: only the components that the book uses, without its menu.
#   Font Awesome 6 Free (fonts: SIL OFL 1.1), from the theme: only the icons that the pages show.
# Needs npm, and a Python with fonttools and brotli: PYTHON=/path/to/python tools/vendor.sh
set -eu
cd "$(dirname "$0")/.."
mathjax=3.2.2
out="$PWD/book/_static/vendor"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent "mathjax@$mathjax" && tar xzf mathjax-*.tgz)
rm -rf "$out/mathjax" && mkdir -p "$out/mathjax"
(cd "$work/package/es5" && cp --parents startup.js core.js input/tex.js \
    input/tex/extensions/boldsymbol.js input/tex/extensions/mathtools.js \
    output/chtml.js output/chtml/fonts/tex.js output/chtml/fonts/woff-v2/*.woff a11y/assistive-mml.js "$out/mathjax")
cp "$work/package/LICENSE" "$out/mathjax/LICENSE"
echo "MathJax $mathjax, chosen files of the npm package mathjax; see tools/vendor.sh" >"$out/mathjax/VERSION"

theme=$(.venv/bin/python -c 'import pydata_sphinx_theme as t; print(t.__path__[0])')/theme/pydata_sphinx_theme/static
fonts="$out/fontawesome/webfonts"
rm -rf "$out/fontawesome" && mkdir -p "$fonts"
icons="angle-left angle-right arrow-up arrow-up-right-from-square bars bell bullhorn chevron-down chevron-right circle-check
    circle-exclamation circle-half-stroke circle-info circle-xmark code download expand file file-code file-lines file-pdf
    github house lightbulb link list magnifying-glass magnifying-glass-minus moon outdent pencil pencil-alt play quote-left
    rocket share square-github sun triangle-exclamation xmark"
codes=$(for icon in $icons; do
    grep -oE "fa-$icon:before[^{]*\{content:\"\\\\[0-9a-f]+" "$theme/styles/pydata-sphinx-theme.css" | sed 's/.*\\/U+/'
done | sort -u | paste -sd,)
for font in fa-solid-900 fa-regular-400 fa-brands-400; do
    "${PYTHON:-python3}" -m fontTools.subset "$theme/vendor/fontawesome/webfonts/$font.ttf" \
        --unicodes="$codes" --flavor=woff2 --output-file="$fonts/$font.woff2"
done
cat >"$out/fontawesome/LICENSE" <<'END'
Font Awesome Free 6, by Fonticons, Inc. (https://fontawesome.com). A subset of its fonts, made by tools/vendor.sh.
Icons: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Fonts: SIL OFL 1.1 (https://scripts.sil.org/OFL).
END
du -sh "$out"/*
