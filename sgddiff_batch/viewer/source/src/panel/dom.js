/** Elements of the page. What comes from data becomes text, never markup. */

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element "${id}"`);
  return found;
}

/**
 * @param {string} tag @param {Record<string, unknown>} properties
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** @param {HTMLElement} list A `dl`. @param {Array<[string, string|Node]>} facts Those that are empty are left out. */
export function fillFacts(list, facts) {
  const rows = facts.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  list.replaceChildren(
    ...rows.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value instanceof Node ? value : String(value))]),
  );
}

/** Say something, on the page and to who hears it. @param {string} text Empty: nothing. @param {boolean} isError */
export function notice(text, isError = false) {
  const place = byId('notice');
  place.hidden = !text;
  place.classList.toggle('error', isError);
  byId('notice-text').textContent = text;
}
