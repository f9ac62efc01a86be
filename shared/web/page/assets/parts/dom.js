// Makes elements. Whatever comes from data becomes text, and never markup: there is no other way in.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children: elements, texts, lists of either, or nothing.
 * `on` holds listeners and `style` custom properties or styles; an attribute that is true is there, one that is
 * false or null is not.
 */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(isThere));
  return element;
}

function filled(element, { on = {}, style = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (isThere(value)) element.setAttribute(name, value === true ? "" : value);
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value);
  element.append(...children.flat(Infinity).filter(isThere));
  return element;
}

const isThere = (child) => child !== null && child !== undefined && child !== false;
