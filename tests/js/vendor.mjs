// `node --import ./tests/js/vendor.mjs`: registers the resolution of vendored modules.

import { register } from "node:module";

register("./vendor-hooks.mjs", import.meta.url);
