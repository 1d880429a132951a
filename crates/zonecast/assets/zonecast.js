// What plain HTML and htmx do not do: messages that can be put away, a log that stays at its end.
(() => {
    "use strict";
    const LINES_MAX = 2000;

    const closable = (toast) => {
        if (toast.querySelector("button")) return;
        const button = document.createElement("button");
        button.type = "button";
        button.className = "close";
        button.setAttribute("aria-label", "Put this message away");
        button.textContent = "×";
        button.addEventListener("click", () => toast.remove());
        toast.append(button);
    };

    const watchToasts = (box) => {
        box.querySelectorAll(".toast").forEach(closable);
        new MutationObserver(() => {
            // The newest message stands alone: the one before is about something that is over.
            const all = [...box.querySelectorAll(".toast")];
            all.slice(0, -1).forEach((toast) => toast.remove());
            all.slice(-1).forEach(closable);
        }).observe(box, { childList: true });
    };

    const watchLog = (log) => {
        const toEnd = () => { log.scrollTop = log.scrollHeight; };
        toEnd();
        new MutationObserver(() => {
            const near = log.scrollHeight - log.scrollTop - log.clientHeight < 200;
            while (log.children.length > LINES_MAX) log.firstElementChild.remove();
            if (near) toEnd();
        }).observe(log, { childList: true });
    };

    document.querySelectorAll(".toasts").forEach(watchToasts);
    document.querySelectorAll(".lines").forEach(watchLog);
    document.querySelector(".summary")?.focus();
})();
