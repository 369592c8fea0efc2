// Lets node find what the server serves below /static/vendor/ where npm put it.

const NODE_MODULES = new URL("../../node_modules/", import.meta.url);

export async function resolve(specifier, context, next) {
  const [, path] = specifier.match(/\/vendor\/(.+)$/) ?? [];
  return path ? { url: new URL(path, NODE_MODULES).href, format: "module", shortCircuit: true } : next(specifier, context);
}

export async function load(url, context, next) {
  return next(url, { ...context, format: url.endsWith(".js") && url.startsWith("file:") ? "module" : context.format });
}
