import assert from "node:assert/strict";
import { test } from "node:test";
import { dashboardFiles } from "./index.ts";

const files = dashboardFiles();
const textOf = (path: string): string => new TextDecoder().decode(files.get(path)?.body);

test("the page is at / and everything that it and its scripts name is served", () => {
  const page = textOf("/");
  const named = [...page.matchAll(/(?:href|src)="(dashboard\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  for (const path of [...files.keys()].filter((one) => one.endsWith(".js")))
    for (const [, name] of textOf(path).matchAll(/from "\.\/([^"]+)"/g)) named.push(`/dashboard/${name}`);
  assert.deepEqual(new Set([...named, "/"]), new Set(files.keys()), "a file is missing, or nobody uses it");
});

test("every file says what it is and may load nothing from elsewhere", () => {
  const types: Readonly<Record<string, string>> = {
    "/": "text/html; charset=utf-8",
    "/dashboard/style.css": "text/css; charset=utf-8",
    "/dashboard/main.js": "text/javascript; charset=utf-8",
    "/dashboard/icon.svg": "image/svg+xml",
  };
  for (const [path, type] of Object.entries(types)) assert.equal(files.get(path)?.type, type, path);
  for (const [path, { headers, etag }] of files) {
    const policy = headers["content-security-policy"] ?? "";
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
    ])
      assert.ok(policy.includes(rule), `${path} without ${rule}`);
    assert.ok(policy.includes("require-trusted-types-for 'script'"), path);
    assert.doesNotMatch(policy, /unsafe|https?:|\*/, path);
    assert.match(etag, /^"[\w-]{22}"$/);
  }
  assert.equal(new Set([...files.values()].map(({ etag }) => etag)).size, files.size);
});

test("no file asks anybody else, and the page has no inline script, style or handler", () => {
  for (const path of files.keys()) {
    const strange = [...textOf(path).matchAll(/(?:https?:)?\/\/[\w.-]+\.[a-z]{2,}[^\s"'`)]*/g)].map(
      ([found]) => found,
    );
    assert.deepEqual(
      strange.filter((found) => !found.includes("www.w3.org/2000/svg")),
      [],
      path,
    );
  }
  const page = textOf("/");
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
});

test("no script makes HTML or code out of text", () => {
  for (const path of files.keys())
    assert.doesNotMatch(
      textOf(path),
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|srcdoc|setHTML/,
      path,
    );
});

test("the whole page stays small", () => {
  const bytes = [...files.values()].reduce((sum, { body }) => sum + body.length, 0);
  assert.ok(bytes < 64_000, `${bytes} bytes`);
});
