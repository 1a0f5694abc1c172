// A change that waits for a yes: what would change, and two buttons. The card carries no more than its id; what is then
// done, to which order and for whom, stands with the shop. The answer to a click draws the card anew.
import { useEffect, useId, useRef, useState } from 'react';
import { useChatData } from '@chainlit/react-client';

const PATIENCE_MS = 20_000;
const FRESH_S = 595; // of the ten minutes: put up just now
const NO_LONGER = [401, 404, 409]; // somebody else's by now, gone, or decided already

function Approval({ card }) {
  const title = useId();
  const article = useRef(null);
  const { disabled } = useChatData(); // an answer is being written, or nobody is connected
  const [pressed, setPressed] = useState('');
  const [over, setOver] = useState(false);
  const [unreached, setUnreached] = useState(false);
  const pending = card.state === 'pending';

  useEffect(() => {
    if (card.expires_in_s > FRESH_S && pending) article.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  useEffect(() => {
    setPressed('');
    setOver(false);
    setUnreached(false);
    const end = setTimeout(() => setOver(true), card.expires_in_s * 1000);
    return () => clearTimeout(end);
  }, [card]);

  useEffect(() => {
    if (!disabled) setPressed('');
  }, [disabled]);

  const decide = async (confirm) => {
    setPressed(confirm ? 'confirm' : 'cancel');
    setUnreached(false);
    const answer = await fetch('/approval', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ id: card.id, confirm }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => null);
    if (answer?.ok) return;
    setPressed('');
    if (NO_LONGER.includes(answer?.status)) setOver(true);
    else setUnreached(true);
  };

  const button = (name, text) => (
    <button
      type="button"
      className={name === 'confirm' ? 'kefu-card-primary' : undefined}
      data-working={pressed === name || undefined}
      disabled={disabled || over || pressed !== ''}
      onClick={() => decide(name === 'confirm')}
    >
      {text}
    </button>
  );

  return (
    <article
      ref={article}
      className="kefu-card kefu-approval"
      aria-labelledby={title}
      aria-busy={pressed !== ''}
      lang={card.language}
    >
      <header className="kefu-card-head">
        <h3 id={title}>{card.title}</h3>
      </header>
      <dl className="kefu-card-rows">
        {card.lines.map((line, n) => (
          <div key={n} className="kefu-card-row kefu-change">
            <dt>{line.label}</dt>
            <Change line={line} words={card.words} />
          </div>
        ))}
      </dl>
      {card.money ? <p className="kefu-card-aside">{card.money}</p> : null}
      {pending ? <p className="kefu-card-note">{card.hint}</p> : null}
      {pending ? (
        <div className="kefu-card-actions">
          {button('confirm', card.confirm)}
          {button('cancel', card.cancel)}
        </div>
      ) : null}
      <p role="status" className="kefu-card-state" data-state={pending ? undefined : card.state}>
        {pending ? (over && card.words.over) || (unreached && card.words.unreached) : card.state_text}
      </p>
    </article>
  );
}

function Change({ line, words }) {
  if (!line.old) return <dd>{line.new}</dd>;
  return (
    <dd>
      <span className="kefu-unseen">{words.before} </span>
      <del>{line.old}</del>
      <span className="kefu-unseen"> {words.after} </span>
      <ins>{line.new}</ins>
    </dd>
  );
}

// Kept for the reason told in Order.jsx
const Kept = (window.kefuApproval ??= Approval);
export default <Kept card={props} />;
