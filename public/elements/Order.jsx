// An order: how far it is, what is in it, where its parcel is, and what can be asked for. A button says its sentence as
// the shopper's own; what it may lead to, the shop decides.
import { useEffect, useId, useState } from 'react';
import { useChatData } from '@chainlit/react-client';

function Order({ order, say }) {
  const title = useId();
  const { disabled } = useChatData(); // an answer is being written, or nobody is connected
  const [pressed, setPressed] = useState(false);
  useEffect(() => {
    if (!disabled) setPressed(false);
  }, [disabled]);

  const press = (message) => {
    setPressed(true);
    say(message);
  };

  return (
    <article className="kefu-card" aria-labelledby={title} lang={order.language}>
      <header className="kefu-card-head">
        <h3 id={title}>{order.title}</h3>
        <span className="kefu-card-pill" data-status={order.status_code}>
          {order.status}
        </span>
        <p className="kefu-card-note">{order.placed}</p>
      </header>
      <ol className="kefu-steps">
        {order.steps.map((step, n) => (
          <li key={n} data-state={step.state} aria-current={step.state === 'now' ? 'step' : undefined}>
            <span>{step.text}</span>
            {step.at ? <small>{step.at}</small> : null}
            {step.state === 'ahead' ? <span className="kefu-unseen">{order.words.ahead}</span> : null}
          </li>
        ))}
      </ol>
      {order.parcels.map((parcel, n) =>
        parcel.expected ? (
          <p key={n} className="kefu-card-aside">
            {parcel.expected}
          </p>
        ) : null
      )}
      <ul className="kefu-card-rows" aria-label={order.labels.items}>
        {order.items.map((item, n) => (
          <li key={n} className="kefu-card-row">
            <div>
              <span>{item.name}</span>
              {item.options ? <small>{item.options}</small> : null}
              {item.note ? <small className="kefu-card-mark">{item.note}</small> : null}
            </div>
            <span className="kefu-card-price">{item.quantity > 1 ? `${item.quantity} × ${item.price}` : item.price}</span>
          </li>
        ))}
      </ul>
      <dl className="kefu-card-rows">
        <div className="kefu-card-row">
          <dt>{order.labels.shipping}</dt>
          <dd className="kefu-card-price">{order.shipping}</dd>
        </div>
        <div className="kefu-card-row kefu-card-total">
          <dt>{order.labels.total}</dt>
          <dd className="kefu-card-price">{order.total}</dd>
        </div>
      </dl>
      {order.returns.length ? (
        <section className="kefu-card-part">
          <h4>{order.labels.returns}</h4>
          {order.returns.map((text, n) => (
            <p key={n}>{text}</p>
          ))}
        </section>
      ) : null}
      <details className="kefu-card-part">
        <summary>
          {order.parcels.length ? `${order.labels.parcel} · ${order.labels.address}` : order.labels.address}
        </summary>
        {order.parcels.map((parcel, n) => (
          <Parcel key={n} parcel={parcel} />
        ))}
        {order.parcels.length ? <h4>{order.labels.address}</h4> : null}
        <address>
          {order.address.map((line, n) => (
            <span key={n}>{line}</span>
          ))}
        </address>
      </details>
      {order.actions.length ? (
        <div className="kefu-card-actions">
          {order.actions.map((action, n) => (
            <button key={n} type="button" disabled={disabled || pressed} onClick={() => press(action.message)}>
              {action.label}
            </button>
          ))}
        </div>
      ) : null}
    </article>
  );
}

function Parcel({ parcel }) {
  return (
    <>
      <p>
        {parcel.carrier} <code className="kefu-card-code">{parcel.tracking}</code>
      </p>
      <ol className="kefu-scans">
        {parcel.scans.map((scan, n) => (
          <li key={n}>
            <small>{scan.at}</small>
            <span>{scan.text}</span>
            {scan.place ? <small>{scan.place}</small> : null}
          </li>
        ))}
      </ol>
    </>
  );
}

// Chainlit runs this file again at every change around the card. The component is kept, for React would build another
// one anew: what was opened would close, and the focus would be lost.
const Kept = (window.kefuOrder ??= Order);
export default <Kept order={props} say={sendUserMessage} />;
