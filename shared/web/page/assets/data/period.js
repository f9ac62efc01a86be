// From when to when: the periods one can choose, in UTC as the ledger keeps its days.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MOST_DAYS = 92;
// Up to here a bar is an hour, beyond it a day.
const MOST_HOURLY = 3 * DAY;

export const PERIODS = { today: "Today", "7d": "7 days", month: "Month", "last-month": "Last month" };

/** The period an address asks for: `from` and `to` as endpoints take them, and `bin`, "hour" or "day". */
export function periodOf(place, now = new Date()) {
  const [from, to] = bounds(place, now);
  return { from: text(from), to: text(to), start: from, end: to, bin: to - from <= MOST_HOURLY ? "hour" : "day" };
}

export const today = (now = new Date()) => periodOf({ period: "today" }, now);
export const thisMonth = (now = new Date()) => periodOf({ period: "month" }, now);

/** What is wrong with two dates that somebody chose, or "". */
export function fault(from, to) {
  const [start, end] = [Date.parse(from), Date.parse(to)];
  if (Number.isNaN(start) || Number.isNaN(end)) return "Choose both days.";
  if (end < start) return "The last day is before the first.";
  return end - start + DAY > MOST_DAYS * DAY ? `At most ${MOST_DAYS} days can be shown at once.` : "";
}

/** Every hour or day of a period, as times: one without calls is a gap one must see. */
export function bins({ start, end, bin }) {
  const step = bin === "hour" ? HOUR : DAY;
  const times = [];
  for (let time = Math.floor(start / step) * step; time < end; time += step) times.push(time);
  return times;
}

/** The time that a row's `hour` or `day` names. */
export function timeOf(name) {
  const [day, hour = "00"] = String(name).split(/[T ]/);
  return Date.parse(`${day}T${hour.slice(0, 2)}:00:00Z`);
}

function bounds(place, now) {
  // To the minute: what was asked a moment ago need not be asked again.
  const soon = Math.ceil((now.getTime() + 1) / MINUTE) * MINUTE;
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const first = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  switch (place.period) {
    case "today":
      return [midnight, soon];
    case "7d":
      return [midnight - 6 * DAY, soon];
    case "last-month":
      return [Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1), first];
    case "custom":
      if (!fault(place.from, place.to)) return [Date.parse(place.from), Date.parse(place.to) + DAY];
  }
  return [first, soon];
}

const text = (time) => new Date(time).toISOString().replace(".000Z", "Z");
