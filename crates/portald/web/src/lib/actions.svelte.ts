// What the buttons do, and the messages that come of it.

export interface Toast {
  id: number;
  failed: boolean;
  text: string;
}

export type Action = "start" | "stop" | "restart";

class Actions {
  toasts = $state<Toast[]>([]);
  /** Buttons that wait for an answer, as "action:name". */
  pending = $state<string[]>([]);
  private lastId = 0;

  async run(action: Action, name: string) {
    const key = `${action}:${name}`;
    this.pending.push(key);
    try {
      const path = `/api/v1/programs/${encodeURIComponent(name)}/${action}`;
      const answer = await fetch(path, { method: "POST" });
      if (answer.ok) this.say(false, `${capital(action)} of ${name} is under way`);
      else this.say(true, `${capital(action)} of ${name} was refused: ${await reason(answer)}`);
    } catch {
      this.say(true, `${capital(action)} of ${name}: the instance does not answer`);
    } finally {
      this.pending = this.pending.filter((other) => other !== key);
    }
  }

  say(failed: boolean, text: string) {
    const id = ++this.lastId;
    this.toasts.push({ id, failed, text });
    if (!failed) setTimeout(() => this.dismiss(id), 4000);
  }

  dismiss(id: number) {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
}

async function reason(answer: Response): Promise<string> {
  try {
    const problem = (await answer.json()) as { detail?: string };
    return problem.detail ?? answer.statusText;
  } catch {
    return `status ${answer.status}`;
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export const actions = new Actions();

/** Puts text on the clipboard. Plain HTTP has no clipboard API, so there is a second way. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("readonly", "");
    field.className = "offscreen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
