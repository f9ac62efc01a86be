// Numbers and times for people: by their locale, with units, in UTC.

const HOUR = 3_600_000;
const locale = undefined; // the browser's
const plain = new Intl.NumberFormat(locale);
const short = new Intl.NumberFormat(locale, {
  notation: "compact",
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});
const percent = new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const change = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" });
const dollar = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" };
const dollars = (digits) =>
  new Intl.NumberFormat(locale, { ...dollar, minimumFractionDigits: 2, maximumFractionDigits: digits });
const cents = dollars(2);
const exact = dollars(12);
const fine = new Intl.NumberFormat(locale, { ...dollar, maximumSignificantDigits: 2 });
const round = new Intl.NumberFormat(locale, { ...dollar, maximumFractionDigits: 0 });
const shortDollars = new Intl.NumberFormat(locale, { ...dollar, notation: "compact", maximumSignificantDigits: 3 });

const shortest = new Intl.NumberFormat(locale, { notation: "compact" });

const NOTHING = "–";
// In British English millions are "m", which elsewhere are thousandths.
const LETTERS = { k: "K", m: "M", bn: "B", tn: "T" };
const compact = (form, value) =>
  form
    .formatToParts(value)
    .map((each) => (each.type === "compact" ? (LETTERS[each.value] ?? each.value) : each.value))
    .join("");

export const count = (value) => (isKnown(value) ? plain.format(value) : NOTHING);
export const brief = (value) =>
  isKnown(value) ? (Math.abs(value) < 10_000 ? plain.format(value) : compact(short, value)) : NOTHING;
export const part = (value) => (isKnown(value) ? percent.format(value) : NOTHING);

/** So many of something, as "1 call" and "2 calls". */
export const counted = (value, what) => `${plain.format(value)} ${what}${value === 1 ? "" : "s"}`;

/** A cost, which comes as text: all of it is read, and less than a cent is not shown as nothing. */
export function cost(value) {
  if (!isKnown(value)) return NOTHING;
  const amount = Math.abs(Number(value));
  return (amount > 0 && amount < 0.01 ? fine : cents).format(value);
}
export const wholeCost = (value) => (isKnown(value) ? exact.format(value) : NOTHING);
export const briefCost = (value) => (Math.abs(value) >= 100_000 ? compact(shortDollars, value) : cost(value));
/** A cost beside an axis: no more of it than there is room for. */
export const axisCost = (value) =>
  Math.abs(value) >= 10_000
    ? compact(shortDollars, value)
    : (value === 0 || Math.abs(value) >= 10 ? round : fine).format(value);
export const axisCount = (value) => compact(shortest, value);

export function duration(ms) {
  if (!isKnown(ms)) return NOTHING;
  if (ms < 1000) return `${plain.format(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toLocaleString(locale, { maximumSignificantDigits: 3 })} s`;
  if (ms < 2 * HOUR) return `${(ms / 60_000).toLocaleString(locale, { maximumSignificantDigits: 3 })} min`;
  return `${(ms / HOUR).toLocaleString(locale, { maximumSignificantDigits: 3 })} h`;
}

export function bytes(value) {
  if (!isKnown(value)) return NOTHING;
  const [divisor, unit] = [
    [1, "B"],
    [1024, "KiB"],
    [1024 ** 2, "MiB"],
  ].findLast(([each]) => value >= each) ?? [1, "B"];
  return `${(value / divisor).toLocaleString(locale, { maximumFractionDigits: unit === "B" ? 0 : 1 })} ${unit}`;
}

/** How a value has changed since the period before, or "" where that says nothing. */
export function changed(value, before) {
  const [now, then] = [Number(value ?? 0), Number(before ?? 0)];
  return isKnown(before) && then > 0 ? change.format(now / then - 1) : "";
}

const utc = (options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
const dayForm = utc({ day: "numeric", month: "short", year: "numeric" });
const shortDayForm = utc({ day: "numeric", month: "short" });
const hourForm = utc({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const secondForm = utc({
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const minuteForm = utc({
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const fullForm = utc({
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});

const shown = (form) => (time) => {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? NOTHING : form.format(date);
};
export const day = shown(dayForm);
export const shortDay = shown(shortDayForm);
export const hour = shown(hourForm);
export const second = shown(secondForm);
export const minute = (time) => `${shown(minuteForm)(time)} UTC`;
export const moment = (time) => `${shown(fullForm)(time)} UTC`;
export const binName = (time, bin) => (bin === "hour" ? `${hour(time)} UTC` : day(time));

/** Any value of a row whose columns one does not know. */
export function anything(value) {
  if (typeof value === "number") return plain.format(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)) return moment(value);
  return isKnown(value) || typeof value === "string" ? String(value) : NOTHING;
}

/** From when to when, both days included. */
export const span = ({ start, end }) => dayForm.formatRange(new Date(start), new Date(end - 1));

const isKnown = (value) => value !== null && value !== undefined && value !== "" && !Number.isNaN(Number(value));
