// Opens actions one after the other in Settings → Tools → Actions and tells what is to be seen.
async (names) => {
  const PATIENCE = 3000;

  /** The first element below a root that matches, through every shadow root. */
  const find = (root, selector) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.matches(selector)) return element;
      const inner = element.shadowRoot && find(element.shadowRoot, selector);
      if (inner) return inner;
    }
    return null;
  };

  /** The text of an element as it is on the screen, through every shadow root. */
  const read = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (["STYLE", "SCRIPT", "svg"].includes(node.nodeName)) return "";
    return [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].map(read).join(" ");
  };
  const text = (node) => (node ? read(node) : "").replace(/\s+/g, " ").trim();

  const until = async (ready) => {
    const deadline = performance.now() + PATIENCE;
    while (!ready() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  const widget = (selector) => selector.shadowRoot?.firstElementChild;
  const isRendered = (selector) =>
    Boolean(widget(selector)?.shadowRoot?.childElementCount && selector.offsetHeight);
  const markdown = (row) => text(row.querySelector("ha-markdown"));
  const isDrawn = (icon) => Boolean(icon && find(icon.shadowRoot, "path")?.getAttribute("d"));

  const open = async (name) => {
    const tools = find(document, "tools-action");
    const control = find(tools.shadowRoot, "ha-service-control");
    const inside = (selector) => [...control.shadowRoot.querySelectorAll(selector)];
    const picker = inside("ha-service-picker")[0];
    picker.dispatchEvent(
      new CustomEvent("value-changed", { detail: { value: name }, bubbles: true, composed: true }),
    );
    await tools.updateComplete;
    await control.updateComplete;
    const panels = inside("ha-expansion-panel");
    for (const panel of panels) panel.expanded = true;
    const rows = inside("ha-settings-row");
    const selectors = rows.map((row) => row.querySelector("ha-selector"));
    await until(() => text(picker).includes(name) && selectors.every(isRendered));
    await until(() => rows.every(markdown));
    // What is sent although nobody has entered anything.
    const prefilled = control.value?.data ?? {};
    const icons = () => [find(picker.shadowRoot, "ha-service-icon"), ...inside("[slot=icons]")];
    await until(() => icons().every(isDrawn));
    for (const box of inside("ha-checkbox")) {
      if (!box.checked) box.click();
      await control.updateComplete;
    }
    await Promise.all(selectors.map((selector) => selector.updateComplete));
    return {
      prefilled,
      name: text(picker).replace(name, "").trim(),
      description: text(inside(".description p")[0]),
      icons: icons().map(isDrawn),
      sections: panels.map((panel) => panel.header),
      fields: rows.map((row, index) => ({
        key: selectors[index].key,
        label: text(row.querySelector("[slot=heading]")),
        description: markdown(row),
        widget: widget(selectors[index])?.localName ?? "",
        rendered: isRendered(selectors[index]),
        disabled: selectors[index].disabled,
      })),
    };
  };

  const seen = {};
  for (const name of names) seen[name] = await open(name);
  return seen;
}
