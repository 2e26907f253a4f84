/**
 * Elements out of data. What comes from peers and files becomes text nodes and attribute values, and nothing else: no HTML
 * is read from a string anywhere in this page.
 *
 * @typedef {Readonly<Record<string, string | number | boolean | undefined>>} Attributes
 * @typedef {Node | string} Child
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name
 * @param {Attributes} [attributes] `true` is an attribute without a value; `false` and undefined are none.
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * @param {string} name
 * @param {Attributes} [attributes]
 * @param {...Child} children
 */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {readonly Child[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  element.append(...children);
  return element;
}

/**
 * Makes a place show these nodes, changing only what differs: focus, selected text and what a screen reader is at stay.
 *
 * @param {string} id
 * @param {...Child} children
 */
export function show(id, ...children) {
  adopt(
    place(id),
    children.map((child) => (typeof child === "string" ? new Text(child) : child)),
  );
}

/** @param {string} id */
export function place(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * @param {Node} parent
 * @param {readonly Node[]} wanted
 */
function adopt(parent, wanted) {
  const present = [...parent.childNodes];
  for (const [i, node] of wanted.entries()) {
    const old = present[i];
    if (old === undefined) parent.appendChild(node);
    else if (old.nodeName !== node.nodeName) old.replaceWith(node);
    else if (old instanceof Element && node instanceof Element) become(old, node);
    else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
  }
  for (const old of present.slice(wanted.length)) old.remove();
}

/**
 * @param {Element} old
 * @param {Element} wanted
 */
function become(old, wanted) {
  for (const name of old.getAttributeNames()) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  adopt(old, [...wanted.childNodes]);
}
