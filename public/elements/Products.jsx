// Products side by side. Asking about one says its sentence as the shopper's own.
import { useEffect, useId, useState } from 'react';
import { useChatData } from '@chainlit/react-client';

const NO_PICTURE = '/public/products/other.svg'; // for a category that has none

function Products({ card, say }) {
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
    <article className="kefu-card" aria-labelledby={title} lang={card.language}>
      <header className="kefu-card-head">
        <h3 id={title}>{card.title}</h3>
      </header>
      <ul className="kefu-products" aria-labelledby={title} tabIndex={0}>
        {card.products.map((product) => (
          <Product key={product.id} product={product} disabled={disabled || pressed} press={press} />
        ))}
      </ul>
    </article>
  );
}

function Product({ product, disabled, press }) {
  const name = useId();
  const [missing, setMissing] = useState(false);
  return (
    <li className="kefu-product">
      <img src={missing ? NO_PICTURE : product.image} alt="" onError={() => setMissing(true)} />
      <div className="kefu-product-facts">
        <h4 id={name} title={product.name}>
          {product.name}
        </h4>
        <span className="kefu-card-price">{product.price}</span>
        <span className="kefu-card-pill" data-stock={product.stock_code}>
          {product.stock}
        </span>
        {product.tags.length ? <small>{product.tags.join(' · ')}</small> : null}
        {product.reason ? <p className="kefu-product-reason">{product.reason}</p> : null}
        <button type="button" disabled={disabled} aria-describedby={name} onClick={() => press(product.ask.message)}>
          {product.ask.label}
        </button>
      </div>
    </li>
  );
}

// Kept for the reason told in Order.jsx
const Kept = (window.kefuProducts ??= Products);
export default <Kept card={props} say={sendUserMessage} />;
